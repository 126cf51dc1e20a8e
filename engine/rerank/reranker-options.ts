/** Options of every kind of reranker, and how they are checked. */
import type { StateSource } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { unknownOptions } from '../option-names.ts';
import type { ReadoutParameters } from '../readout/parameters.ts';
import type { Device } from '../session/device.ts';
import { WorkerPool } from '../session/pool.ts';
import type { StateCodec } from '../states/state-codec.ts';
import type { DroppingOptions } from './encoder/dropping.ts';
import type { StoppingOptions } from './encoder/stopping.ts';

/** Options of `openReranker`. */
export interface RerankerOptions {
  /** Model folder. @defaultValue the model that comes with the package */
  readonly model?: string;
  /** Where the model runs; a device that is named and cannot be opened is an error. @defaultValue `'cpu'` */
  readonly device?: Device;
  /**
   * Multiply in float32, in 8-bit integers (encoders on the processor: smaller, and faster with VNNI), or in half
   * precision, with sums and normalisation in float32 (what a GPU is fast at; states of an encoder made on one are read
   * on a processor that is given `'fp16'` too; scores within 2e-3 of float32's). On CUDA, `'fp32'` rounds factors as half
   * precision does unless `NVIDIA_TF32_OVERRIDE=0` is set before Node starts: see `float32Products`.
   * @defaultValue `'fp32'`; fp16 on a GPU that has it
   */
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  /**
   * Encoders of the `cacheable` profile: multiply queries otherwise than documents, on the processor wherever documents
   * are encoded. `'int8'` over documents of float32 reads a query in little more than half the time where the processor has
   * VNNI, and leaves every kept block state as it is. Workers that read queries too (all with `queryThreads: 1`, or where there
   * are more of them than `queryThreads`) hold the layers' weights in both forms: 25 to 40 MB each of the default
   * model's. @defaultValue as `precision`; fp32 beside a GPU
   */
  readonly queryPrecision?: 'fp32' | 'int8';
  /** Encoders: which part of a block state is kept and read: every token's vector, or one a block. @defaultValue `'tokens'` */
  readonly tier?: 'tokens' | 'anchor';
  /**
   * Encoders: how much is computed, in layers' work: all of the model's layers, or one of the smaller depths that it has
   * weights for, which are faster, and somewhat less good. Their own layers may be narrower, and more. Block states of different
   * depths are never mixed. @defaultValue all of the model's layers
   */
  readonly depth?: number;
  /**
   * Encoders whose layers loop: how often the looped block is applied, from 1; more takes time and no memory, and is mostly
   * worse where training had fewer. Block states of different loops are never mixed. @defaultValue as often as in training
   */
  readonly loops?: number;
  /**
   * Encoders on the processor: documents that a smaller depth of the model puts low are not encoded; they stay in the
   * ranking, below the others, and are marked (`isDropped`). Less work for long lists of unknown documents, at some loss
   * of quality: docs/cost.md. States that are kept are the same as without it; a list that is asked again finds them, and is
   * read further, so that its order may change. A score step that asks for anchors has every document read whole,
   * and so has a call with less than twice the time that the list needs (`readWithinMs`), as far as that goes.
   * @defaultValue every document is read whole
   */
  readonly dropping?: DroppingOptions;
  /**
   * Encoders: documents whose states are not at hand are read in rounds, in first-stage order, until what is left would
   * hardly bring another document onto the page; the others keep their ranks and are marked
   * (`isRead: false`; `usage.stoppedBy` is `page`). Less work for long lists of unknown documents, at some loss of
   * quality: docs/cost.md. The page is judged with the reranker's own share of a lexical first stage. A score step that
   * asks for anchors has every document read. Not beside `dropping`. @defaultValue every document is read
   */
  readonly stopping?: StoppingOptions;
  /**
   * Encoders: learned sums (LAuReL) that were trained over this model at this depth: a name, looked up in the folder
   * `residuals` of the model's folder, or the path of a `.safetensors` file. On a shared `pool`, models that differ in it
   * alone share the weights. Block states of different residuals are never mixed. @defaultValue the one that the model's manifest names, mostly none
   */
  readonly residual?: string;
  /**
   * Worker threads on the processor, each with a session over the same mapped weights. A GPU has one worker more, which
   * everything in the process that uses it shares. @defaultValue the processors at hand; 1 for decoders
   */
  readonly workers?: number;
  /**
   * Workers that several rerankers share, from `openWorkerPool`, in place of `workers`. Closing the reranker leaves
   * the pool open; closing the pool first makes the reranker refuse every call with a `TypeError`.
   * @defaultValue workers of its own, which end with the reranker
   */
  readonly pool?: WorkerPool;
  /**
   * Threads of one run inside a worker.
   * @defaultValue 1; for decoders the processors at hand, of a shared pool its workers' part of them
   */
  readonly threads?: number;
  /**
   * Encoders of the `cacheable` profile: threads that read a query. More than 1 take a thread of their own beside the
   * workers, with one more copy of the layers' weights; with `warmUp: false`, `prepack: false` or `threads` above 1 the workers
   * read queries unless this says otherwise. @defaultValue the workers, at most 4
   */
  readonly queryThreads?: number;
  /** Tokens of one document block, 8 (decoders: 48) to the model's positions. @defaultValue the model's, 160; 384 for decoders */
  readonly maxDocumentTokens?: number;
  /** Encoders: blocks of one document. @defaultValue the model's */
  readonly maxDocumentBlocks?: number;
  /** Tokens of the query's own words. @defaultValue the model's, 64; 128 for decoders */
  readonly maxQueryTokens?: number;
  /**
   * Tokens encoded in one run: bounds how long a worker cannot be interrupted. A decoder takes a list of so many tokens in
   * one run and a longer one in batches; on a GPU every list that fits is one run, and this bounds the others' batches.
   * @defaultValue 384; for decoders lists of 4096, batches of 768; 8192 for encoders on a GPU
   */
  readonly batchTokens?: number;
  /** Decoders: bytes of the process' memory that one shortlist may take; a larger one is refused before it is run. @defaultValue four fifths of what is free */
  readonly memoryLimitBytes?: number;
  /**
   * Decoders on a GPU: bytes of its memory that weights and one shortlist may take together, of which each worker has its
   * share. A list that would take more in one run goes in batches; one that would not fit even so is refused before it is
   * run. Where nobody tells how large the card is, there is no limit.
   * @defaultValue nine tenths of the card's, where nvidia-smi tells it
   */
  readonly deviceMemoryLimitBytes?: number;
  /** Encoders: bytes of block states kept in memory; 0 keeps none. @defaultValue 268435456 (256 MiB) */
  readonly stateCacheBytes?: number;
  /**
   * Encoders: folder where block states are looked for behind the memory, and kept between runs; made when it is not
   * there. A `stateSource` is asked behind it. @defaultValue none: memory alone
   */
  readonly stateFolder?: string;
  /** Encoders: where block states are looked for behind the memory, and kept. It is closed with the reranker, or when that cannot be opened. */
  readonly stateSource?: StateSource;
  /**
   * Encoders: the form that new states are given, so that a ranking does not depend on whether a state was at hand:
   * the same codec as the source's, of the same tier as the reranker's. @defaultValue as encoded
   */
  readonly stateCodec?: StateCodec;
  /** Copy weights into the layout that multiplies fastest; without, workers share mapped pages. @defaultValue true; false for decoders */
  readonly prepack?: boolean;
  /** Run once before answering, so that the first request finds everything loaded. @defaultValue true */
  readonly warmUp?: boolean;
  /**
   * Decoders: besides, a list of so many documents of `maxDocumentTokens` each, so that the first long request finds
   * kernels chosen and memory taken; a card needs .3 to 1.5 s for the first list that is longer than all before. One that
   * would not fit is an error when opening. @defaultValue a short list alone
   */
  readonly warmUpDocuments?: number;
  /** Encoders: reading and scoring parameters in place of the model's. */
  readonly readout?: Partial<ReadoutParameters>;
  /** Where copies of weights in another form are kept. @defaultValue `BLOCKRANK_CACHE`, else `~/.cache/blockrank` */
  readonly cacheFolder?: string;
}

/** What is opened, in the words of messages. */
export type RerankerKind =
  | 'an encoder'
  | 'an encoder of the profile in-context'
  | 'a cross-encoder'
  | 'a decoder';

const encoders: readonly RerankerKind[] = ['an encoder', 'an encoder of the profile in-context'];
const stateful: readonly RerankerKind[] = ['an encoder'];
const decoders: readonly RerankerKind[] = ['a decoder'];
const all: readonly RerankerKind[] = [...encoders, 'a cross-encoder', 'a decoder'];

/** Who takes which option. */
const takers: Readonly<Record<keyof RerankerOptions, readonly RerankerKind[]>> = {
  model: all,
  device: all,
  precision: [...encoders, ...decoders],
  queryPrecision: stateful,
  tier: encoders,
  depth: stateful,
  loops: stateful,
  dropping: stateful,
  stopping: stateful,
  residual: stateful,
  workers: all,
  threads: all,
  queryThreads: stateful,
  maxDocumentTokens: all,
  maxDocumentBlocks: encoders,
  maxQueryTokens: all,
  batchTokens: all,
  memoryLimitBytes: decoders,
  deviceMemoryLimitBytes: decoders,
  stateCacheBytes: stateful,
  stateFolder: stateful,
  stateSource: stateful,
  stateCodec: stateful,
  prepack: all,
  warmUp: all,
  warmUpDocuments: decoders,
  readout: encoders,
  cacheFolder: all,
  pool: all,
};

/** Collects what is wrong with options, so that all of it is told at once. */
export class OptionCheck {
  readonly #options: RerankerOptions;
  readonly #kind: RerankerKind;
  readonly #issues: ConfigurationIssue[];

  /** Begins with options whose names are none. @param kind - What is opened: it may not take all of the others. */
  constructor(options: RerankerOptions, kind: RerankerKind) {
    this.#options = options;
    this.#kind = kind;
    this.#issues = unknownOptions(options, takers);
  }

  /** A whole number, both bounds inclusive. */
  whole(name: keyof RerankerOptions, least: number, most: number): void {
    const value = this.#options[name];
    if (value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)) {
      return;
    }
    this.tell(name, `expected a whole number from ${least} to ${most}, got ${String(value)}`);
  }

  /** Workers of its own, or a pool. */
  workers(): void {
    this.whole('workers', 1, 1024);
    const { pool, workers } = this.#options;
    if (pool === undefined) return;
    if (!(pool instanceof WorkerPool))
      this.tell('pool', `expected a pool from openWorkerPool, got ${typeof pool}`);
    if (workers !== undefined)
      this.tell('workers', 'the pool says how many there are; leave one of both out');
  }

  /** One of some words. */
  oneOf(name: keyof RerankerOptions, accepted: readonly string[]): void {
    const value = this.#options[name];
    if (value === undefined || accepted.includes(String(value))) return;
    this.tell(name, `expected ${accepted.join(' or ')}, got ${JSON.stringify(value)}`);
  }

  /** @throws ConfigurationError when anything was wrong, options that mean nothing to this kind of model among it. */
  finish(): void {
    for (const [name, kinds] of Object.entries(takers) as [
      keyof RerankerOptions,
      readonly RerankerKind[],
    ][]) {
      if (this.#options[name] === undefined || kinds.includes(this.#kind)) continue;
      this.tell(name, `${this.#kind} has no such option; leave it out`);
    }
    if (this.#issues.length > 0) throw new ConfigurationError('Cannot open the reranker', this.#issues);
  }

  /** Something else that is wrong. */
  tell(path: keyof RerankerOptions | `${'dropping' | 'stopping'}.${string}`, message: string): void {
    this.#issues.push({ path, message });
  }
}
