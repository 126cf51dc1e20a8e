/** A proxy in a process of its own: `proxy-program.ts <target>` prints its address. */
import { proxyBefore } from '../doubles/proxy-setup.ts';

const { proxy } = await proxyBefore(process.argv[2]!);
process.stdout.write(`${proxy.url}\n`);
