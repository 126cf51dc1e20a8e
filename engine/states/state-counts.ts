/** The counts of state sources. */
import type { BlockState, StateKey, StateSource } from '../contract.ts';
import { decodeState } from './codec.ts';
import type { StateCodec } from './state-codec.ts';

/** The counts of a source's answers since it was opened. `found + missed` is the number of keys asked. */
export interface StateCounts {
  /** Keys whose state was stored and sound. */
  readonly found: number;
  /** Keys that gave no state, for whatever reason. */
  readonly missed: number;
  /** Misses because the bytes were damaged; a whole store that had to be begun anew counts as one more. */
  readonly damaged: number;
  /** Misses because the bytes were another encoder's or another text's, of another version or another codec. */
  readonly foreign: number;
  /** Misses because the store could not be read, and states that it could not keep. */
  readonly failed: number;
}

/** A state source that counts. */
export interface CountedStateSource extends StateSource {
  /** The counts up to now. */
  readonly counts: StateCounts;
}

/** Keeps a source's counts. */
export class StateTally {
  readonly #counts = { found: 0, missed: 0, damaged: 0, foreign: 0, failed: 0 };

  /** A copy of the counts. */
  get counts(): StateCounts {
    return { ...this.#counts };
  }

  /** Counts one answer. */
  answer(state: BlockState | undefined): BlockState | undefined {
    if (state) this.#counts.found += 1;
    else this.#counts.missed += 1;
    return state;
  }

  /** Decodes the bytes that were stored under a key, counts the outcome, and gives the state where it is sound. */
  read(bytes: Uint8Array | null | undefined, key: StateKey, codec?: StateCodec): BlockState | undefined {
    if (!bytes) return this.answer(undefined);
    const { state, fault } = decodeState(bytes, key, codec);
    // The key names the text, so a state of another text under it counts as foreign.
    if (fault) this.#counts[fault === 'damaged' ? 'damaged' : 'foreign'] += 1;
    return this.answer(state);
  }

  /** Counts a store that was damaged as a whole. */
  damage(): void {
    this.#counts.damaged += 1;
  }

  /** Counts states that the store failed to read or to keep. */
  fail(times = 1): void {
    this.#counts.failed += times;
  }
}
