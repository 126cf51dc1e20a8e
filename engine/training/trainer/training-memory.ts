/** Memory of a training, stated before a list is run. */
import { freemem } from 'node:os';
import { MemoryLimitError } from '../../errors.ts';
import { type AxisLengths, liveBytes } from '../../graph/live-bytes.ts';
import { operationsInOrder } from '../../graph/order.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import { readableBytes } from '../../rerank/decoder/decoder-memory.ts';
import { cardMemoryBytes } from '../../session/graphics-cards.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';

/** Limits of {@link TrainingMemory}. */
export interface TrainingMemoryOptions {
  /** What computes. */
  readonly provider: ExecutionProvider;
  /** Lists that are run at once. */
  readonly workers: number;
  /** Bytes of the process' own that stay: trained tensors, their gradients, the optimiser's state. @defaultValue 0 */
  readonly residentBytes?: number | undefined;
  /** Bytes that a step may take. @defaultValue four fifths of what is free at the start; on a CUDA card, nine tenths of the card */
  readonly limitBytes?: number | undefined;
}

/** Share of the free memory that a step may take: the rest of the program, and other programs, need some. */
const hostShare = 0.8;
/** Share of a card's memory; CUDA itself and its kernels take some of the rest. */
const cardShare = 0.9;

/** Says whether a graph's runs fit, each before it is made. */
export class TrainingMemory {
  readonly #outputs: readonly Value[];
  readonly #workers: number;
  readonly #frozenBytes: number;
  readonly #residentBytes: number;
  readonly #allowedBytes: number;
  readonly #memory: 'host' | 'device';
  /** Bytes of results by the lengths of axes: lists of one form are counted once. */
  readonly #known = new Map<string, number>();
  /** The most that any list needed. */
  mostBytes = 0;

  private constructor(
    outputs: readonly Value[],
    { workers, provider, residentBytes = 0 }: TrainingMemoryOptions,
    allowedBytes: number,
  ) {
    this.#outputs = outputs;
    this.#workers = workers;
    this.#frozenBytes = frozenBytes(outputs);
    this.#residentBytes = provider === 'cpu' ? residentBytes : 0;
    this.#allowedBytes = allowedBytes;
    this.#memory = provider === 'cpu' ? 'host' : 'device';
  }

  /** Asks what is free now, or the card where there is one. */
  static async of(outputs: readonly Value[], options: TrainingMemoryOptions): Promise<TrainingMemory> {
    const { limitBytes, provider } = options;
    const card = provider === 'cuda' && limitBytes === undefined ? await cardMemoryBytes() : undefined;
    const onDevice = card === undefined ? Number.POSITIVE_INFINITY : Math.floor(card * cardShare);
    const allowedBytes = limitBytes ?? (provider === 'cpu' ? Math.floor(freemem() * hostShare) : onDevice);
    return new TrainingMemory(outputs, options, allowedBytes);
  }

  /**
   * Bytes that a step of such lists takes: what stays, and for each worker frozen weights, what is fed, trained tensors
   * among it, and the results at the moment when most of them are held, gradients among them.
   */
  neededBytes(feeds: Readonly<Record<string, TensorValue>>, lengths: AxisLengths): number {
    const fed = Object.values(feeds).reduce((sum, { data }) => sum + data.byteLength, 0);
    return this.#residentBytes + this.#workers * (fed + this.#frozenBytes + this.#results(lengths));
  }

  /** @param list - The list, in words. @throws MemoryLimitError */
  assertFits(list: string, feeds: Readonly<Record<string, TensorValue>>, lengths: AxisLengths): void {
    const neededBytes = this.neededBytes(feeds, lengths);
    this.mostBytes = Math.max(this.mostBytes, neededBytes);
    const allowedBytes = this.#allowedBytes;
    if (neededBytes <= allowedBytes) return;
    const where = this.#memory === 'device' ? ' of the device' : '';
    const atOnce = this.#workers > 1 ? `, ${this.#workers} lists at once,` : '';
    throw new MemoryLimitError(
      `Cannot train on ${list}: a step${atOnce} needs ${readableBytes(neededBytes)}${where}, ${readableBytes(allowedBytes)} are allowed: take fewer documents a list, fewer workers, or train fewer layers.`,
      { neededBytes, allowedBytes, memory: this.#memory },
    );
  }

  #results(lengths: AxisLengths): number {
    const key = JSON.stringify(lengths);
    const bytes = this.#known.get(key) ?? liveBytes(this.#outputs, lengths);
    this.#known.set(key, bytes);
    return bytes;
  }
}

/** Bytes of the tensors in files that some values read; what is quantised there is held as float32 as well. */
function frozenBytes(outputs: readonly Value[]): number {
  const inputs = new Set(operationsInOrder(outputs).flatMap((operation) => operation.inputs));
  const origins = new Map(
    [...inputs].flatMap((value) =>
      value?.origin.kind === 'file' ? [[value.origin.name, value] as const] : [],
    ),
  );
  return [...origins.values()].reduce((sum, { type, shape }) => {
    const count = shape.reduce<number>((all, axis) => all * Number(axis), 1);
    return sum + count * (type === 'float32' ? 4 : 4 + (type === 'int8' ? 1 : 2));
  }, 0);
}
