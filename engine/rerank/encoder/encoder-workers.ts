/** The caller's side of the encoder program: typed tasks for its workers. */
import type { AskedQuery } from '../../blocks/query-block.ts';
import type { BlockState } from '../../contract.ts';
import type { QueryState } from '../../readout/parameters.ts';
import { logSumExp } from '../../readout/softmax.ts';
import type { PooledProgram, TaskOptions } from '../../session/pool.ts';
import type { GuessingWorkers } from '../../states/anchor-guesses.ts';
import type { EncodedBlock } from '../../states/encoded-block.ts';
import type { EncodingWorkers } from '../../states/encoding-jobs.ts';
import type { TokenisedDocument } from '../../states/tokenise.ts';
import type { BatchPart } from './cut-states.ts';
import type { DeviceBatch, DeviceStates } from './device-program.ts';
import { QueryBatches, type QueryRunner } from './query-batches.ts';
import type { QueryBlockState, SeenTensors } from './seen-feeds.ts';
import type { DocumentMass, TokenState } from './spans.ts';
import type { TokenSums } from './token-products.ts';

/** What a worker is asked. */
export type EncoderTask =
  | { readonly kind: 'tokenise'; readonly texts: readonly string[] }
  | {
      readonly kind: 'encode';
      readonly blocks: readonly Int32Array[];
      /** What the blocks see of a query. @defaultValue nothing */
      readonly seen?: SeenTensors | undefined;
    }
  | { readonly kind: 'guess'; readonly blocks: readonly Int32Array[] }
  | { readonly kind: 'cut'; readonly part: BatchPart }
  | { readonly kind: 'queries'; readonly queries: readonly AskedQuery[] }
  | {
      readonly kind: 'sums';
      readonly query: Pick<QueryState, 'tokens' | 'width'>;
      readonly states: readonly TokenState[];
      readonly tau: number;
    }
  | {
      readonly kind: 'spans';
      readonly query: Pick<QueryState, 'tokens' | 'width'>;
      readonly states: readonly TokenState[];
      readonly texts: readonly string[];
      readonly tau: number;
      /** Log of each query token's normaliser over the whole list, shape `[Q]`. */
      readonly totals: Float64Array;
    };

/** What a worker answers, by the task's kind. */
export interface EncoderAnswers {
  readonly tokenise: readonly TokenisedDocument[];
  readonly encode: readonly EncodedBlock[];
  readonly guess: readonly Float32Array[];
  readonly cut: readonly EncodedBlock[];
  readonly queries: readonly QueryBlockState[];
  readonly sums: TokenSums;
  readonly spans: readonly DocumentMass[];
}

type Answer = EncoderAnswers[keyof EncoderAnswers];

/** Documents and their texts. */
export interface TextStates {
  /** Token states. */
  readonly states: readonly BlockState[];
  /** The texts they were made from, in the same order. */
  readonly texts: readonly string[];
  /** Numerators of the masses, shape `[Q, D]`. */
  readonly logSums: Float64Array;
}

/** The device that encodes documents. */
export interface EncodingDevice {
  /** Its program. */
  readonly program: PooledProgram<DeviceBatch, DeviceStates>;
  /** Values a vector. */
  readonly width: number;
  /** What its program gives. */
  readonly tier: 'tokens' | 'anchor';
}

/** The worker that runs query blocks on several processors. */
export interface WideWorker {
  /** The encoder program. */
  readonly program: PooledProgram<EncoderTask, Answer>;
  /** Threads of one run. */
  readonly threads: number;
}

/** What runs an encoder's tasks besides its workers. */
export interface EncoderExtras {
  /** What encodes documents. @defaultValue the workers do */
  readonly device?: EncodingDevice | undefined;
  /** What runs query blocks, before the workers do. @defaultValue the workers do */
  readonly wide?: WideWorker | undefined;
}

/** Blocks of a batch cut by one task: small enough that workers share a batch, large enough to be worth a message. */
const blocksPerCut = 16;
/** Values of token vectors that are worth a message of their own: two thirds of a millisecond's work. */
const leastValuesAWorker = 2 ** 19;
/** Memory of batches kept for those to come: as many as are on their way at once. */
const sparesKept = 3;

/** Typed tasks of an encoder's programs. */
export class EncoderWorkers implements EncodingWorkers, GuessingWorkers {
  readonly #program: PooledProgram<EncoderTask, Answer>;
  readonly #device: EncodingDevice | undefined;
  readonly #wide: WideWorker | undefined;
  readonly #queries: QueryBatches<AskedQuery>;
  /** Memory of batches that were cut, for those to come. */
  readonly #spare: SharedArrayBuffer[] = [];

  constructor(program: PooledProgram<EncoderTask, Answer>, { device, wide }: EncoderExtras = {}) {
    this.#program = program;
    this.#device = device;
    this.#wide = wide;
    this.#queries = new QueryBatches({
      workers: toQueryRunner(program),
      wide: wide && Object.assign(toQueryRunner(wide.program), { threads: wide.threads }),
    });
  }

  tokenise(texts: readonly string[], options: TaskOptions): Promise<readonly TokenisedDocument[]> {
    return this.#run({ kind: 'tokenise', texts }, options);
  }

  /** @param seen - What the blocks see of a query. @defaultValue nothing */
  async encode(
    blocks: readonly Int32Array[],
    options: TaskOptions,
    seen?: SeenTensors,
  ): Promise<readonly EncodedBlock[]> {
    if (!this.#device) return this.#run({ kind: 'encode', blocks, seen }, options);
    const { program, width, tier } = this.#device;
    const states = await program.run({ blocks, seen, spare: this.#spare.pop() }, options);
    if (tier === 'tokens') return this.#cut(states, blocks, width);
    const rows = states.rows as Float32Array;
    return blocks.map((_ids, b) => ({ anchor: rows.subarray(b * width, (b + 1) * width) }));
  }

  /** Guesses the anchors of blocks; of a program with a depth that guesses. */
  guess(blocks: readonly Int32Array[], options: TaskOptions): Promise<readonly Float32Array[]> {
    return this.#run({ kind: 'guess', blocks }, options);
  }

  /** Workers share the batch; its memory is free again once all are done. */
  async #cut(
    states: DeviceStates,
    blocks: readonly Int32Array[],
    width: number,
  ): Promise<readonly EncodedBlock[]> {
    const cuts: Promise<readonly EncodedBlock[]>[] = [];
    for (let first = 0; first < blocks.length; first += blocksPerCut) {
      const lengths = blocks.slice(first, first + blocksPerCut).map(({ length }) => length);
      cuts.push(this.#run({ kind: 'cut', part: { ...states, width, first, lengths } }));
    }
    const encoded = (await Promise.all(cuts)).flat();
    const { buffer } = states.rows;
    if (buffer instanceof SharedArrayBuffer && this.#spare.length < sparesKept) this.#spare.push(buffer);
    return encoded;
  }

  /** The query block's state, run together with others that come at the same time. */
  encodeQuery(query: AskedQuery, signal?: AbortSignal): Promise<QueryBlockState> {
    return this.#queries.encode(query, signal);
  }

  /** What the query's tokens find in documents, which are shared out over the workers. */
  async tokenSums(query: QueryState, states: readonly BlockState[], tau: number): Promise<TokenSums> {
    const values = states.reduce((sum, { tokens }) => sum + (tokens?.length ?? 0), 0);
    const workers = Math.max(1, Math.min(this.#program.size, Math.floor(values / leastValuesAWorker)));
    const parts = share(states.map(toTokenState), workers);
    const answers = await Promise.all(
      parts.map((part) => this.#run({ kind: 'sums', query: slim(query), states: part, tau })),
    );
    return joinBlocks(answers, query.tokens.length / query.width);
  }

  /**
   * Where in each document the query's words looked, normalised over the whole list. The documents are shared out over
   * the workers, for each is tokenised once more.
   *
   * @param documents - Texts and states, and the list's {@link tokenSums} at the same `tau`.
   */
  async spans(query: QueryState, documents: TextStates, tau: number): Promise<DocumentMass[]> {
    const { states, texts, logSums } = documents;
    const totals = rowTotals(logSums, query.tokens.length / query.width);
    const parts = share(states.map(toTokenState), Math.min(this.#program.size, states.length));
    let first = 0;
    const answers = await Promise.all(
      parts.map((part) => {
        const own = texts.slice(first, first + part.length);
        first += part.length;
        return this.#run({ kind: 'spans', query: slim(query), states: part, texts: own, tau, totals });
      }),
    );
    return answers.flat();
  }

  /** Whether a worker answers, and the device's where there is one. */
  get isOpen(): boolean {
    return this.#program.isOpen && (this.#device?.program.isOpen ?? true);
  }

  async close(): Promise<void> {
    await Promise.all([this.#program.close(), this.#device?.program.close(), this.#wide?.program.close()]);
  }

  #run<Kind extends EncoderTask['kind']>(
    task: Extract<EncoderTask, { kind: Kind }>,
    options: TaskOptions = {},
  ): Promise<EncoderAnswers[Kind]> {
    return this.#program.run(task, options) as Promise<EncoderAnswers[Kind]>;
  }
}

function toQueryRunner(program: PooledProgram<EncoderTask, Answer>): QueryRunner<AskedQuery> {
  return {
    size: program.size,
    get isOpen() {
      return program.isOpen;
    },
    get idle() {
      return program.idle;
    },
    run: async (queries, options) =>
      (await program.run({ kind: 'queries', queries }, options)) as EncoderAnswers['queries'],
  };
}

const slim = ({ tokens, width }: QueryState): Pick<QueryState, 'tokens' | 'width'> => ({ tokens, width });

function toTokenState({ blockTokens, tokens }: BlockState): TokenState {
  if (!tokens) throw new TypeError('tokenSums: expected token states, got anchor states.');
  return { blockTokens, tokens };
}

/** Consecutive runs of documents with about the same number of tokens each. */
function share(states: readonly TokenState[], parts: number): TokenState[][] {
  const total = states.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const shares: TokenState[][] = [[]];
  let filled = 0;
  for (const state of states) {
    if (filled >= (total * shares.length) / parts) shares.push([]);
    shares.at(-1)!.push(state);
    filled += state.tokens.length;
  }
  return shares;
}

/** Puts the blocks of all parts side by side. */
function joinBlocks(parts: readonly TokenSums[], Q: number): TokenSums {
  const D = parts.reduce((sum, { passageMatches }) => sum + passageMatches.length, 0);
  const whole = { logSums: new Float64Array(Q * D), passageMatches: new Float64Array(D) };
  let first = 0;
  for (const { logSums, passageMatches } of parts) {
    const count = passageMatches.length;
    for (let i = 0; i < Q; i += 1) {
      whole.logSums.set(logSums.subarray(i * count, (i + 1) * count), i * D + first);
    }
    whole.passageMatches.set(passageMatches, first);
    first += count;
  }
  return whole;
}

function rowTotals(logSums: Float64Array, Q: number): Float64Array {
  const D = logSums.length / Q;
  return Float64Array.from({ length: Q }, (_, i) => logSumExp(logSums.subarray(i * D, (i + 1) * D)));
}
