/** Proxies of one file's tests. */
import type { closedAfterEach } from '../closed-after-each.ts';
import { type Played, proxyBefore, type Setup, type SetupOptions } from './proxy-setup.ts';

/** Gives a function that opens a proxy before a server; `kept` closes both after the test. */
export function proxyStarter(
  kept: ReturnType<typeof closedAfterEach>,
): (server: Pick<Played, 'url' | 'close'>, options?: SetupOptions) => Promise<Setup> {
  return async (server, options) => {
    kept(server);
    return kept(await proxyBefore(server.url, options));
  };
}
