/** Finds out which product a cluster is. */
import type { IncomingMessage } from 'node:http';
import { openTarget, type TargetTls } from './target.ts';

/** A product that the proxy stands before. */
export type ServerProduct = 'elasticsearch' | 'opensearch';

/**
 * Asks the cluster for its product: Elasticsearch names itself in a header of every answer, refusals included.
 * `undefined` when the cluster does not answer in time.
 *
 * @throws ConfigurationError for an impossible address.
 */
export async function detectServer(
  address: string,
  { tls, timeoutMs }: { readonly tls?: TargetTls | undefined; readonly timeoutMs: number },
): Promise<ServerProduct | undefined> {
  const target = openTarget(address, { tls });
  const request = target.open({ method: 'GET', path: '/', headers: [] });
  const timer = setTimeout(() => request.destroy(), timeoutMs);
  const answer = await new Promise<IncomingMessage | undefined>((resolve) => {
    request.once('response', resolve);
    // Callers of the proxy will get the error that keeps the cluster from answering.
    request.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
    request.end();
  });
  clearTimeout(timer);
  answer?.resume();
  target.close();
  if (!answer) return undefined;
  return answer.headers['x-elastic-product'] === undefined ? 'opensearch' : 'elasticsearch';
}
