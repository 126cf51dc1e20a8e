/** How long reading takes, learnt from what was read. */

/** Share of the newest part in the pace; of a slower one, so that the next list is not planned too large. */
const [newShare, slowerShare] = [0.25, 0.5];
/** Parts vary: a part is planned as if it took this much longer than the pace says. */
const margin = 1.15;
/** Time of a full batch, in milliseconds, before the first one was read. */
const guessedBatchMs = 250;

/** See the file's header. */
export class ReadingPace {
  #msPerToken: number;
  #isMeasured = false;

  /** @param batchTokens - Tokens of a full batch, which is guessed to take 250 ms until one was read. */
  constructor(batchTokens: number) {
    this.#msPerToken = guessedBatchMs / batchTokens;
  }

  /** Tokens that one worker reads in a time, at least 0. */
  tokensIn(ms: number): number {
    return Math.max(0, ms / (this.#msPerToken * margin));
  }

  /** A part was read. */
  note(tokens: number, ms: number): void {
    const msPerToken = ms / Math.max(1, tokens);
    const share = this.#isMeasured ? (msPerToken > this.#msPerToken ? slowerShare : newShare) : 1;
    this.#msPerToken += share * (msPerToken - this.#msPerToken);
    this.#isMeasured = true;
  }

  /** A part was not finished in its time: it takes at least that long. */
  noteLate(tokens: number, ms: number): void {
    if (ms / Math.max(1, tokens) > this.#msPerToken) this.note(tokens, ms);
  }
}
