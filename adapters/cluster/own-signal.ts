/** Ends calls of foreign clients. */
import { onAbort } from '../../engine/index.ts';

/** What a client's call gives: OpenSearch's promises can be aborted. */
export type ClientCall<T> = Promise<T> & { readonly abort?: () => unknown };

/**
 * Runs one call of a client, and ends it when the signal aborts. The call gets a signal of its own: the Elasticsearch
 * client dispatches "abort" on the signal that it is given when the call's own time has passed, and nobody but that call
 * may hear it.
 *
 * @param start - Makes the call; without a signal it gets none.
 */
export async function endedBy<T>(
  signal: AbortSignal | undefined,
  start: (own: AbortSignal | undefined) => ClientCall<T>,
): Promise<T> {
  if (!signal) return start(undefined);
  const own = new AbortController();
  const call = start(own.signal);
  const forget = onAbort(signal, () => {
    own.abort(signal.reason);
    // Its answer is not given back: a listener has nobody to give it to.
    call.abort?.();
  });
  try {
    return await call;
  } finally {
    forget();
  }
}
