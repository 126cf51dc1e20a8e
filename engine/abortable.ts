/** Waits that a signal can end. */

/** Everything that waits for one signal, behind one listener. */
interface Waiting {
  readonly acts: Set<() => void>;
  readonly stop: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls a function once a signal aborts, or at once when the signal is aborted already. An event named "abort" on a
 * signal that is not aborted does nothing: the Elasticsearch client dispatches one when its own timeout passes. A
 * signal has one listener, however many functions wait for it, so that Node warns of no leak.
 *
 * @returns A function that withdraws `act`, and may be called twice.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act();
    return () => {};
  }
  const waiting = waitingFor.get(signal) ?? listenTo(signal);
  // A wrapper, since the same function may wait twice.
  const own = (): void => act();
  waiting.acts.add(own);
  return () => {
    const isLast = waiting.acts.delete(own) && waiting.acts.size === 0;
    if (isLast) waiting.stop();
  };
}

function listenTo(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>();
  const tell = (): void => {
    if (!signal.aborted) return;
    stop();
    for (const act of [...acts]) act();
  };
  const stop = (): void => {
    signal.removeEventListener('abort', tell);
    waitingFor.delete(signal);
  };
  signal.addEventListener('abort', tell);
  const waiting = { acts, stop };
  waitingFor.set(signal, waiting);
  return waiting;
}

/** Rejects with the signal's reason as soon as it aborts; the promise's own work goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  promise.catch(() => {}); // after an abort no caller listens to the promise any more
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason));
    promise.then(
      (value) => {
        forget();
        resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}
