/** Ends calls of foreign clients. */
import { onAbort } from '../../engine/index.ts';

/** The promise of a client's call; OpenSearch's can be aborted. */
export type ClientCall<T> = Promise<T> & { readonly abort?: () => unknown };

/**
 * Runs one call of a client, and ends it when the signal aborts. The call gets a signal of its own: the Elasticsearch
 * client dispatches "abort" on its signal when the call's own time has passed, and only that call may hear this.
 *
 * @param start - Makes the call; gets no signal where there is none to listen to.
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
    // The listener drops what `abort` returns: an event has no caller to hand it to.
    call.abort?.();
  });
  try {
    return await call;
  } finally {
    forget();
  }
}
