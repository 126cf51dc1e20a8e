/**
 * Encodes the blocks of all requests together: blocks that wait while the workers are busy are batched anew with new
 * ones, so that many small requests fill batches as one large request does.
 */
import type { TaskOptions } from '../session/pool.ts';
import { type Batch, type BatchOptions, toBatches } from './batches.ts';

/** The owner of blocks that are encoded. */
export interface BlockOwner {
  /** Number of requests that wait for the owner's blocks. */
  readonly wanted: number;
  /** Called when no request waits any more. */
  onUnwanted: () => void;
}

/** A block that waits to be encoded. */
export interface WaitingBlock<Encoded> {
  /** Ids of its tokens. */
  readonly tokens: Int32Array;
  /** The block's owner; a block is not encoded when no request waits for its owner. */
  readonly owner: BlockOwner;
  /** Called with the vectors. */
  readonly resolve: (encoded: Encoded) => void;
  /** Called with the error when encoding fails. */
  readonly reject: (error: unknown) => void;
}

/** Options of {@link SharedBatches}. */
export interface SharedBatchesOptions<Encoded> extends BatchOptions {
  /** Batches given to the workers beyond one each, so that none waits for the next. @defaultValue 1 */
  readonly ahead?: number;
  /** Encodes one batch. */
  readonly encode: (blocks: readonly Int32Array[], options: TaskOptions) => Promise<readonly Encoded[]>;
}

/** The reason why a block is not encoded: no request waits for it. */
export const nobodyWaits: DOMException = new DOMException(
  'Nobody waits for these documents any more.',
  'AbortError',
);

interface Arrived<Encoded> {
  readonly block: WaitingBlock<Encoded>;
  /** Number of the block among all that were ever added. */
  readonly arrival: number;
}

/** See the file's header. */
export class SharedBatches<Encoded> {
  readonly #options: SharedBatchesOptions<Encoded>;
  /** Batches that are as they shall be. */
  readonly #settled: Arrived<Encoded>[][] = [];
  /** Batches that are planned anew with what comes. */
  #batches: Arrived<Encoded>[][] = [];
  #running = 0;
  #arrivals = 0;

  constructor(options: SharedBatchesOptions<Encoded>) {
    this.#options = options;
  }

  /**
   * Adds blocks. A list that is added while nothing waits is batched by itself, always in the same way.
   *
   * @param isSettled - Whether the blocks fill their batches: then they are batched by themselves, and never with what
   *   comes later. @defaultValue false
   */
  add(blocks: readonly WaitingBlock<Encoded>[], isSettled: boolean = false): void {
    if (isSettled) this.#settle(blocks);
    else this.#join(blocks);
    this.#dispatch();
  }

  #settle(blocks: readonly WaitingBlock<Encoded>[]): void {
    const lengths = blocks.map(({ tokens }) => tokens.length);
    for (const batch of toBatches(lengths, this.#options)) {
      this.#settled.push(batch.map((i) => ({ block: blocks[i]!, arrival: this.#arrivals++ })));
    }
  }

  #join(blocks: readonly WaitingBlock<Encoded>[]): void {
    const waiting = this.#batches.flat().filter(({ block }) => isWanted(block));
    for (const { block } of this.#batches.flat()) if (!isWanted(block)) block.reject(nobodyWaits);
    waiting.push(...blocks.map((block) => ({ block, arrival: this.#arrivals++ })));
    const lengths = waiting.map(({ block }) => block.tokens.length);
    const batches = toBatches(lengths, this.#options).map((batch: Batch) => batch.map((i) => waiting[i]!));
    // The oldest block is served first, together with blocks of its length.
    this.#batches = batches.sort((a, b) => earliest(a) - earliest(b));
  }

  /** Keeps every worker busy and some batches ready; other blocks wait here, where new ones can still join them. */
  #dispatch(): void {
    const { workers, ahead = 1 } = this.#options;
    while (this.#running < workers + ahead) {
      const batch = this.#next();
      if (!batch) return;
      const wanted = batch.filter(({ block }) => isWanted(block));
      for (const { block } of batch) if (!isWanted(block)) block.reject(nobodyWaits);
      if (wanted.length > 0) void this.#run(wanted.map(({ block }) => block));
    }
  }

  /** Of the batches that wait, the one whose first block came first. */
  #next(): Arrived<Encoded>[] | undefined {
    const [settled, planned] = [this.#settled[0], this.#batches[0]];
    const isSettledFirst = settled && (!planned || earliest(settled) < earliest(planned));
    return isSettledFirst ? this.#settled.shift() : this.#batches.shift();
  }

  async #run(blocks: readonly WaitingBlock<Encoded>[]): Promise<void> {
    this.#running += 1;
    try {
      const signal = whileWanted(blocks.map(({ owner }) => owner));
      const encoded = await this.#options.encode(
        blocks.map(({ tokens }) => tokens),
        { signal, priority: 2 },
      );
      blocks.forEach((block, i) => {
        block.resolve(encoded[i]!);
      });
    } catch (error) {
      for (const block of blocks) block.reject(error);
    } finally {
      this.#running -= 1;
      this.#dispatch();
    }
  }
}

function isWanted({ owner }: { readonly owner: BlockOwner }): boolean {
  return owner.wanted > 0;
}

function earliest(batch: readonly { readonly arrival: number }[]): number {
  return batch.reduce((least, { arrival }) => Math.min(least, arrival), Number.POSITIVE_INFINITY);
}

/**
 * A signal that aborts when no request waits for any of the owners: then a batch that still waits in the pool leaves
 * it.
 */
function whileWanted(owners: readonly BlockOwner[]): AbortSignal {
  const controller = new AbortController();
  for (const owner of new Set(owners)) {
    const before = owner.onUnwanted;
    owner.onUnwanted = () => {
      before();
      if (owners.every(({ wanted }) => wanted === 0)) controller.abort(nobodyWaits);
    };
  }
  return controller.signal;
}
