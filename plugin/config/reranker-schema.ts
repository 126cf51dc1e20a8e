/** Keys of the section `reranker`, and of every other place that names a local model. */
import { z } from 'zod';
import {
  droppingOptions,
  rerankerOptions,
  routerOptions,
  stateRedisOptions,
  stoppingOptions,
} from '../options/reranker-options.ts';
import { type RemoteConfig, remoteSection } from './remote-schema.ts';
import { codecName, sectionOf } from './sections.ts';

/** A Redis that keeps block states. */
export interface StateRedisConfig {
  /** Address, e.g. `redis://:password@cache.example:6379/0`, or `rediss://` for an encrypted connection. */
  readonly url: string;
  /** What keys start with. One for each tenant whose texts must stay apart. @defaultValue 'blockrank' */
  readonly prefix?: string | undefined;
  /** How long a state is kept, in milliseconds, above 0. @defaultValue as long as Redis has room */
  readonly ttlMs?: number | undefined;
}

/** A router that chooses a reranker for each query. */
export interface RouterConfig {
  /** Folder of the router. */
  readonly folder: string;
  /** What a request may cost on average, by the costs that were measured, in milliseconds, at least 0. @defaultValue none: the least expected loss, whatever it costs */
  readonly budgetMs?: number | undefined;
  /** Services on board, by the names that follow `remote:`. Each with the keys of `remote`. @defaultValue none */
  readonly remotes?: Readonly<Record<string, RemoteConfig>> | undefined;
}

/** Documents that are dropped. */
export interface DroppingConfig {
  /** Share of the documents without a state that are read, above 0 and below 1. */
  readonly keep: number;
  /** Who tells which documents are read, one of the model's smaller depths, at least 1. @defaultValue the smallest that can */
  readonly depth?: number | undefined;
  /** Least number of documents that are read, at least 1. @defaultValue 10 */
  readonly minKeep?: number | undefined;
  /** Largest number of documents that are read (at least 1). At least `minKeep`. @defaultValue no bound */
  readonly maxKeep?: number | undefined;
}

/** When reading stops. */
export interface StoppingConfig {
  /** Leading ranks that matter: the largest page that is asked for, at least 1. @defaultValue 10 */
  readonly page?: number | undefined;
  /** Probability that is accepted that reading the rest would bring another document onto the page, above 0 and below 1. @defaultValue 0.3 */
  readonly risk?: number | undefined;
}

/** The reranker. Each default is the one of `openReranker`. */
export interface RerankerConfig {
  /** Model folder. @defaultValue the model that comes with the package */
  readonly model?: string | undefined;
  /** How matrices are multiplied. `int8` (encoders on the processor) is smaller and mostly faster; `fp16` is what a GPU is fast at, and what a processor is given to read states that were made on one. @defaultValue 'fp32'; fp16 on a GPU that has it */
  readonly precision?: 'fp32' | 'int8' | 'fp16' | undefined;
  /** Encoders: how matrices are multiplied for queries. `int8` over documents of `fp32` is faster where documents are known and the processor has VNNI, and leaves every kept block state as it is. @defaultValue as `precision`; fp32 beside a GPU */
  readonly queryPrecision?: 'fp32' | 'int8' | undefined;
  /** Where the model runs. A device that is named and cannot be opened is an error. @defaultValue 'cpu' */
  readonly device?: 'auto' | 'cpu' | 'webgpu' | 'cuda' | undefined;
  /** Tokens encoded in one run, at least 1. Bounds how long a worker cannot be interrupted. @defaultValue 384; for decoders lists of 4096, batches of 768; 8192 for encoders on a GPU */
  readonly batchTokens?: number | undefined;
  /** Decoders: bytes that one shortlist may take (at least 1). A larger one is refused before it is run. @defaultValue four fifths of what is free */
  readonly memoryLimitBytes?: number | undefined;
  /** Decoders on a GPU: bytes of its memory that weights and one shortlist may take (at least 1). A larger one goes in batches, or is refused before it is run. @defaultValue nine tenths of the card's, where nvidia-smi tells it */
  readonly deviceMemoryLimitBytes?: number | undefined;
  /** Read every token, or one vector a block. @defaultValue 'tokens' */
  readonly tier?: 'tokens' | 'anchor' | undefined;
  /** Encoders: how much is computed, in layers' work, one of the depths that the model has weights for. Smaller ones are faster, and somewhat less good. @defaultValue all of the model's layers */
  readonly depth?: number | undefined;
  /** Encoders whose layers loop: how often the looped block is applied, at least 1. Quality is known for the loops of training alone. @defaultValue as often as in training */
  readonly loops?: number | undefined;
  /** Encoders on the processor: documents that a smaller depth puts low are not read. @defaultValue every document is read whole */
  readonly dropping?: DroppingConfig | undefined;
  /** Encoders: documents are read in first-stage order until the others would hardly reach the page. @defaultValue every document is read */
  readonly stopping?: StoppingConfig | undefined;
  /** Encoders: learned sums trained over this model, for one tenant or domain. A name, looked up in the folder `residuals` of the model's folder, or the path of a `.safetensors` file. @defaultValue the one that the model's manifest names, mostly none */
  readonly residual?: string | undefined;
  /** Worker threads, at least 1. @defaultValue the processors at hand; 1 for decoders */
  readonly workers?: number | undefined;
  /** Threads of one run inside a worker, at least 1. @defaultValue 1; the processors at hand for decoders */
  readonly threads?: number | undefined;
  /** Encoders: threads that read a query, at least 1. More than 1 take a thread of their own beside the workers, with one more copy of the weights. @defaultValue the workers, at most 4 */
  readonly queryThreads?: number | undefined;
  /** Tokens of one document block, at least 8. @defaultValue the model's, 160; 384 for decoders */
  readonly maxDocumentTokens?: number | undefined;
  /** Tokens of the query's own words, at least 1. @defaultValue the model's, 64; 128 for decoders */
  readonly maxQueryTokens?: number | undefined;
  /** Encoders: bytes of block states kept in memory. 0 keeps none. @defaultValue 268435456 (256 MiB) */
  readonly stateCacheBytes?: number | undefined;
  /** Folder (LMDB) where block states are kept between runs. @defaultValue none: memory alone */
  readonly stateFolder?: string | undefined;
  /** Redis where block states are kept for every replica. @defaultValue none */
  readonly stateRedis?: StateRedisConfig | undefined;
  /** How block states are kept, e.g. `tokens-int8` or `anchor-fp16`. Its tier is the reranker's. @defaultValue all that the tier has, in half precision */
  readonly stateCodec?: string | undefined;
  /** Whether to run once before answering. @defaultValue true */
  readonly warmUp?: boolean | undefined;
  /** Decoders: documents of the longest list to come, at least 1. One as long is run before answering, so that a card has memory taken and kernels chosen. @defaultValue a short list alone */
  readonly warmUpDocuments?: number | undefined;
  /** Router that chooses a reranker for each query, as `blockrank router fit` wrote it. The folder alone is enough; depth and tier are the choice's. @defaultValue none: one reranker for every query */
  readonly router?: string | RouterConfig | undefined;
}

const redis = sectionOf(stateRedisOptions, {
  url: z.url({ protocol: /^rediss?$/, error: 'expected an address such as redis://cache.example:6379' }),
});

/** Services by name. */
export const remotesSection: z.ZodType<Readonly<Record<string, RemoteConfig>>> = z.record(
  z.string().regex(/^[\w.-]{1,64}$/, 'expected a name of letters, digits, dots, dashes, at most 64'),
  remoteSection,
);

const router = z.union([z.string().min(1), sectionOf(routerOptions, { remotes: remotesSection })]);

/** The section `reranker`, and every other place that names a local model. */
export const rerankerSection: z.ZodType<RerankerConfig> = sectionOf(rerankerOptions, {
  dropping: sectionOf(droppingOptions),
  stopping: sectionOf(stoppingOptions),
  stateRedis: redis,
  stateCodec: codecName,
  router,
}) as z.ZodType<RerankerConfig>;
