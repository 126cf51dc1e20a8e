/** Shares calls: identical calls in flight run once. */
import { abortable } from '../../engine/index.ts';

/** Calls in flight, by key. */
export interface SharedCalls<T> {
  /**
   * Joins the call of this key, or starts it. The caller leaves when its own signal aborts; when the last caller has
   * left, the call itself is aborted with that caller's reason.
   */
  join(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts every call in flight with this reason. */
  abortAll(reason: unknown): void;
}

interface Call<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** Opens an empty set of calls. */
export function sharedCalls<T>(): SharedCalls<T> {
  const calls = new Map<string, Call<T>>();
  const forget = (key: string, call: Call<T>): void => {
    if (calls.get(key) === call) calls.delete(key);
  };
  const begin = (key: string, start: (signal: AbortSignal) => Promise<T>): Call<T> => {
    const controller = new AbortController();
    const call = { result: start(controller.signal), controller, waiting: 0 };
    calls.set(key, call);
    const settled = (): void => forget(key, call);
    call.result.then(settled, settled);
    return call;
  };
  return {
    async join(key, signal, start) {
      const call = calls.get(key) ?? begin(key, start);
      call.waiting += 1;
      try {
        return await abortable(call.result, signal);
      } finally {
        call.waiting -= 1;
        if (call.waiting === 0 && calls.get(key) === call) {
          forget(key, call);
          call.controller.abort(signal.reason);
        }
      }
    },
    abortAll: (reason) => {
      for (const call of calls.values()) call.controller.abort(reason);
    },
  };
}
