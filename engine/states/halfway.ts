/**
 * Documents halfway through an encoder: run through its first layers, so that an exit can tell which of them are worth
 * the rest. Blocks of several requests share batches, as those of whole runs do.
 */
import { abortable, onAbort } from '../abortable.ts';
import type { TaskOptions } from '../session/pool.ts';
import type { BatchOptions } from './batches.ts';
import { type BlockOwner, SharedBatches } from './shared-batches.ts';
import { type TokenisingWorkers, tokeniseInTasks } from './tokenise.ts';

/** One block halfway. */
export interface HalfwayBlock {
  /** Tokens. */
  readonly length: number;
  /** What the exit makes of it: a guess of its anchor, L2-normalised, shape `[width]`. */
  readonly exit: Float32Array;
  /** Every token's hidden state behind the exit's layer, shape `[length, width]`. */
  readonly hidden: Float32Array;
}

/** One document halfway. */
export interface HalfwayDocument {
  /** Its blocks; at least one. */
  readonly blocks: readonly HalfwayBlock[];
  /** Tokens that the caps cut away. */
  readonly truncatedTokens: number;
}

/** The work that is given to workers. */
export interface HalfwayWorkers extends TokenisingWorkers {
  /** Runs blocks through the first layers. */
  begin(blocks: readonly Int32Array[], options: TaskOptions): Promise<readonly HalfwayBlock[]>;
}

/** See the file's header. */
export class HalfwayRuns {
  readonly #workers: HalfwayWorkers;
  readonly #batches: SharedBatches<HalfwayBlock>;

  constructor(workers: HalfwayWorkers, batching: BatchOptions) {
    this.#workers = workers;
    this.#batches = new SharedBatches({
      ...batching,
      encode: (blocks, task) => workers.begin(blocks, task),
    });
  }

  /**
   * Runs texts through the first layers; one document a text, in their order.
   *
   * @param signal - Ends the call, which rejects with the signal's reason; waiting batches are given up.
   */
  async begin(texts: readonly string[], signal?: AbortSignal): Promise<HalfwayDocument[]> {
    const owner = { wanted: 1, onUnwanted: () => {} };
    const forget = signal && onAbort(signal, () => giveUp(owner));
    try {
      return await abortable(this.#begin(texts, owner), signal);
    } finally {
      forget?.();
    }
  }

  async #begin(texts: readonly string[], owner: BlockOwner): Promise<HalfwayDocument[]> {
    const documents = await tokeniseInTasks(this.#workers, texts);
    const flat = documents.flatMap(({ blocks }) => blocks);
    const done = await this.#run(flat, owner);
    let first = 0;
    return documents.map(({ blocks, truncatedTokens }) => {
      first += blocks.length;
      return { blocks: done.slice(first - blocks.length, first), truncatedTokens };
    });
  }

  /** All blocks are added in one call: a list that is added while nothing waits is always batched in the same way. */
  #run(blocks: readonly Int32Array[], owner: BlockOwner): Promise<HalfwayBlock[]> {
    return new Promise((resolve, reject) => {
      const done = new Array<HalfwayBlock>(blocks.length);
      let missing = blocks.length;
      this.#batches.add(
        blocks.map((tokens, i) => ({
          tokens,
          owner,
          resolve: (block: HalfwayBlock) => {
            done[i] = block;
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
