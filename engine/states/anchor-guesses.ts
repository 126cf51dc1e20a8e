/**
 * Guesses of documents' anchors, by a smaller depth of the model: they tell which documents are worth reading. Blocks of
 * several requests share batches, as those that are encoded do; nothing is kept.
 */
import { abortable, onAbort } from '../abortable.ts';
import type { TaskOptions } from '../session/pool.ts';
import type { BatchOptions } from './batches.ts';
import { type BlockOwner, SharedBatches } from './shared-batches.ts';
import { type TokenisingWorkers, tokeniseInTasks } from './tokenise.ts';

/** One document as it was guessed. */
export interface GuessedDocument {
  /** A guess of each block's anchor, L2-normalised, shape `[width]` each; at least one. */
  readonly anchors: readonly Float32Array[];
  /** Tokens of its blocks. */
  readonly tokens: number;
  /** Tokens that the caps cut away. */
  readonly truncatedTokens: number;
}

/** The work that is given to workers. */
export interface GuessingWorkers extends TokenisingWorkers {
  /** Guesses the anchors of blocks. */
  guess(blocks: readonly Int32Array[], options: TaskOptions): Promise<readonly Float32Array[]>;
}

/** See the file's header. */
export class AnchorGuesses {
  readonly #workers: GuessingWorkers;
  readonly #batches: SharedBatches<Float32Array>;

  constructor(workers: GuessingWorkers, batching: BatchOptions) {
    this.#workers = workers;
    this.#batches = new SharedBatches({
      ...batching,
      encode: (blocks, task) => workers.guess(blocks, task),
    });
  }

  /**
   * Guesses; one document a text, in their order.
   *
   * @param signal - Ends the call, which rejects with the signal's reason; waiting batches are given up.
   */
  async of(texts: readonly string[], signal?: AbortSignal): Promise<GuessedDocument[]> {
    const owner = { wanted: 1, onUnwanted: () => {} };
    const forget = signal && onAbort(signal, () => giveUp(owner));
    try {
      return await abortable(this.#guess(texts, owner), signal);
    } finally {
      forget?.();
    }
  }

  async #guess(texts: readonly string[], owner: BlockOwner): Promise<GuessedDocument[]> {
    const documents = await tokeniseInTasks(this.#workers, texts);
    const anchors = await this.#run(
      documents.flatMap(({ blocks }) => blocks),
      owner,
    );
    let first = 0;
    return documents.map(({ blocks, truncatedTokens }) => {
      first += blocks.length;
      const tokens = blocks.reduce((sum, { length }) => sum + length, 0);
      return { anchors: anchors.slice(first - blocks.length, first), tokens, truncatedTokens };
    });
  }

  /** All blocks are added in one call: a list that is added while nothing waits is always batched in the same way. */
  #run(blocks: readonly Int32Array[], owner: BlockOwner): Promise<Float32Array[]> {
    return new Promise((resolve, reject) => {
      const done = new Array<Float32Array>(blocks.length);
      let missing = blocks.length;
      this.#batches.add(
        blocks.map((tokens, i) => ({
          tokens,
          owner,
          resolve: (anchor: Float32Array) => {
            done[i] = anchor;
            missing -= 1;
            if (missing === 0) resolve(done);
          },
          reject,
        })),
      );
    });
  }
}

function giveUp(owner: { wanted: number; onUnwanted: () => void }): void {
  owner.wanted = 0;
  owner.onUnwanted();
}
