/** Shares the time of a call out: reading documents, then the readout over what was read. */

/** Part of the time that is kept for the readout at most. */
const mostForReadout = 0.5;
/** Time of the readout for one candidate before one was measured, in milliseconds. */
const guessedMsPerCandidate = 0.2;
/** Share of the newest measurement. */
const newShare = 0.25;
/** How late a call may answer, in milliseconds: so long it waits for the readout's products. */
const graceMs = 25;

/** When parts of one call end. */
export interface CallTimes {
  /** When reading ends, on the clock of `performance.now`. */
  readonly readUntilMs: number;
  /** Time until the readout's products must be there, in milliseconds from now. */
  tokensWithinMs(): number;
}

/** Learns how long the readout takes, and keeps that much of each call's time for it. */
export class ReadingTime {
  #msPerCandidate = guessedMsPerCandidate;

  /** The times of a call that starts now. */
  of(readWithinMs: number, candidates: number): CallTimes {
    const nowMs = performance.now();
    const readoutMs = Math.min(readWithinMs * mostForReadout, this.#msPerCandidate * candidates);
    const endMs = nowMs + Math.max(0, readWithinMs);
    return {
      readUntilMs: endMs - Math.max(0, readoutMs),
      tokensWithinMs: () => endMs + graceMs - performance.now(),
    };
  }

  /** The readout's result; how long it took tells how much time the next one is kept. */
  async readout<T>(candidates: number, run: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const result = await run();
    const msPerCandidate = (performance.now() - startedMs) / Math.max(1, candidates);
    this.#msPerCandidate += newShare * (msPerCandidate - this.#msPerCandidate);
    return result;
  }
}
