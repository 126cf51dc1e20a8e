/**
 * Bounds calls to a server that may hang. A caller gets nothing once its time is up. Until every late call has ended
 * nothing more is sent, so that neither waiting requests nor unsent bytes pile up.
 */
import { longestTimerMs } from '../longest-timer.ts';

/** See the file's header. */
export class BoundedWait {
  readonly #timeoutMs: number;
  #late = 0;

  /** @param timeoutMs - Longest wait for one call, in milliseconds. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = Math.min(timeoutMs, longestTimerMs);
  }

  /**
   * The call's result; `undefined` when the call failed, took too long, or was not sent because an earlier one still
   * hangs.
   */
  async ask<T>(send: () => Promise<T>): Promise<T | undefined> {
    if (this.#late > 0) return undefined;
    const answer = send();
    let isLate = false;
    const settled = answer.then(
      (value) => value,
      () => undefined,
    );
    void settled.finally(() => {
      if (isLate) this.#late -= 1;
    });
    return new Promise<T | undefined>((resolve) => {
      // One more turn of the event loop reads an answer that arrived in the socket while this thread was busy.
      const timer = setTimeout(() => setImmediate(giveUp), this.#timeoutMs);
      let isSettled = false;
      const giveUp = (): void => {
        if (isSettled) return;
        isLate = true;
        this.#late += 1;
        resolve(undefined);
      };
      void settled.then((value) => {
        isSettled = true;
        clearTimeout(timer);
        resolve(value);
      });
    });
  }
}
