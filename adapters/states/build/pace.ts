/** Limits the rate of work. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Lets a fixed number of documents pass a second, however many workers ask. */
export class Pace {
  readonly #perSecond: number;
  #free = 0;

  /** @param perSecond - Documents a second; Infinity lets all pass. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Waits until this number of documents may pass. */
  async take(documents: number, signal?: AbortSignal): Promise<void> {
    if (!Number.isFinite(this.#perSecond)) return;
    const now = performance.now();
    const start = Math.max(now, this.#free);
    this.#free = start + (1000 * documents) / this.#perSecond;
    if (start > now) await sleep(start - now, undefined, signal ? { signal } : {});
  }
}
