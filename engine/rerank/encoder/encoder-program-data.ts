/** What the workers of an encoder are given, from the model and the options. */
import { join } from 'node:path';
import type { BlockCaps } from '../../blocks/caps.ts';
import type { ModelAtDepth } from '../../model/depth.ts';
import type { Gates } from '../../model/gates-file.ts';
import { modelWeights } from '../../model/model-weights.ts';
import type { Precision } from '../../network/encoder-builder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import type { WeightFile } from '../../weights/precision-weights.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { GuessingDepth } from './anchor-session.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { SharedResidual } from './residual-feeds.ts';

/** What a worker needs to open the program; structured-cloneable. */
export interface EncoderProgramData {
  /** Path of `tokenizer.json`. */
  readonly tokenizerPath: string;
  /** The network's shape. */
  readonly config: EncoderConfig;
  /** Where the weights lie. */
  readonly weights: WeightFile;
  /** Names the model's content. */
  readonly modelDigest: string;
  /** How matrices are multiplied. */
  readonly precision: Precision;
  /** What stands before the query's own words. */
  readonly instruction: string;
  /** Token budgets. */
  readonly caps: BlockCaps;
  /** Whether token vectors are kept. */
  readonly tier: 'tokens' | 'anchor';
  /** How query blocks are computed, where that is not how documents are. @defaultValue as documents */
  readonly queries?: QueryForm | undefined;
  /** Threads of one run. */
  readonly threads: number;
  /** Whether weights are copied into the layout that multiplies fastest. */
  readonly prepack: boolean;
  /** Learned sums over the weights. @defaultValue none */
  readonly residual?: SharedResidual | undefined;
  /** Gates through which documents see the query. @defaultValue none: the profile is `cacheable` */
  readonly gates?: Gates | undefined;
  /** The depth that guesses which documents are worth reading. @defaultValue none: all are read */
  readonly guessing?: GuessingDepth | undefined;
}

/** How query blocks are computed. */
export interface QueryForm
  extends Pick<EncoderProgramData, 'config' | 'precision' | 'weights' | 'modelDigest'> {
  /** Whether the weights are loaded with the first query, not when the program is opened. @defaultValue false */
  readonly isLate?: boolean;
}

/** Weights and budgets; without residual, gates and the depth that guesses. @throws ModelFormatError when the weights cannot be read. */
export async function toProgramData(
  options: RerankerOptions,
  model: ModelAtDepth,
  { processorPrecision: precision, queryPrecision }: EncoderPlaces,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = model.folder;
  const weights = await modelWeights(precision, model, options.cacheFolder);
  const { queries = model } = model;
  const hasQueryForm = queries !== model || queryPrecision !== precision;
  return {
    tokenizerPath: join(path, 'tokenizer.json'),
    config: model.config,
    weights,
    modelDigest: digest,
    precision,
    ...(hasQueryForm && {
      queries: {
        config: queries.config,
        precision: queryPrecision,
        weights: await modelWeights(queryPrecision, queries, options.cacheFolder),
        modelDigest: queries.folder.digest,
      },
    }),
    instruction: manifest.instruction,
    caps: {
      ...manifest.caps,
      maxDocumentTokens: options.maxDocumentTokens ?? manifest.caps.maxDocumentTokens,
      maxDocumentBlocks: options.maxDocumentBlocks ?? manifest.caps.maxDocumentBlocks,
      maxQueryTokens: options.maxQueryTokens ?? manifest.caps.maxQueryTokens,
    },
    tier: options.tier ?? 'tokens',
    threads: options.threads ?? 1,
    prepack: options.prepack ?? true,
  };
}
