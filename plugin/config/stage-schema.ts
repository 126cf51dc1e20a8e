/** Keys of the section `stage`. */
import { z } from 'zod';
import type { DiversityOptions, OrderLimitOptions, SignalOptions } from '../../engine/index.ts';
import { listSchemas, orderStepSchemas } from '../options/checked-by.ts';
import {
  breakerOptions,
  passageOptions,
  secondSearchOptions,
  stageCacheOptions,
  stageOptions,
} from '../options/stage-options.ts';
import { always, falseOr, sectionOf } from './sections.ts';

/** Bounds of the rankings that a stage remembers. */
export interface StageCacheConfig {
  /** Lists remembered at most, at least 1. @defaultValue 1000 */
  readonly maxEntries?: number | undefined;
  /** How long a list's order is remembered, in milliseconds, above 0. @defaultValue 300000 */
  readonly ttlMs?: number | undefined;
}

/** When a stage leaves a failing reranker alone. */
export interface StageBreakerConfig {
  /** Failures in a row that open it, at least 1. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** How long it stays open, in milliseconds, above 0. @defaultValue 5000 */
  readonly halfOpenAfterMs?: number | undefined;
}

/** A continuous conditional random field over the list. */
export interface SmoothingConfig {
  /** Weight of an edge of similarity 1, beside what model and first stage say, which weighs 1, at least 0. `blockrank smoothing` learns it. */
  readonly edgeWeight: number;
  /** The share of the first stage in what the two say, for lexical first stages, 0 to 1. @defaultValue 0.2 */
  readonly firstStageWeight?: number | undefined;
  /** Nearest documents of each one that it has edges to, at least 1. @defaultValue 10 */
  readonly neighbours?: number | undefined;
  /** What tells that documents are alike: token averages, or what the model keeps of each document. @defaultValue 'embeddings' */
  readonly edges?: 'embeddings' | 'anchors' | undefined;
  /** Iterations of mean field; 0 is the exact solution, at least 0. @defaultValue 0 */
  readonly iterations?: number | undefined;
}

/** What happens to near-duplicates of a list. */
export interface DuplicatesConfig {
  /** Cosine of token averages from which two texts are near-duplicates, above 0, at most 1. @defaultValue 0.99 */
  readonly cosine?: number | undefined;
  /** Where near-duplicates stand: under the one that is read in their place, or below all others. @defaultValue 'under' */
  readonly placement?: 'under' | 'last' | undefined;
}

/** Which sentences of a hit are given back beside it. */
export interface PassagesConfig {
  /** Passages of one hit at most, at least 1. With `maxTotalTokens` any number. @defaultValue 2 */
  readonly perHit?: number | undefined;
  /** Tokens of one passage at most, at least 1. A longer sentence is cut into windows, the heaviest first. @defaultValue 60 */
  readonly maxTokens?: number | undefined;
  /** Tokens of all passages of an answer at most, at least 1. @defaultValue no limit */
  readonly maxTotalTokens?: number | undefined;
}

/** A second search of each list. */
export interface SecondSearchConfig {
  /** Hits that the second search finds at most, from 1 to 10000. @defaultValue 100 */
  readonly k?: number | undefined;
  /** Field that holds anchors of documents as vectors. @defaultValue the vector of `index.states` */
  readonly field?: string | undefined;
}

/** The rescoring stage. Each default is the one of `rescoringStage`. */
export interface StageConfig {
  /** How many leading hits are reranked, at least 1. @defaultValue 100 */
  readonly rankWindowSize?: number | undefined;
  /** Hits given back at most, at least 1. @defaultValue all */
  readonly topN?: number | undefined;
  /** Smallest calibrated score given back, 0 to 1. @defaultValue any */
  readonly minScore?: number | undefined;
  /** Time for search and reranking together, in milliseconds, above 0. `blockrank proxy` takes 10000 unless it is told another. @defaultValue no limit */
  readonly deadlineMs?: number | undefined;
  /** Time in which documents are read; what was read by then is ranked (share of the time left, above 0, at most 1). `false`: a list that cannot be read in time keeps its first-stage order. @defaultValue 0.85 */
  readonly readingShare?: false | number | undefined;
  /** Whether lists in a language that the model does not read keep the first stage's order. The reason is `language`. @defaultValue true */
  readonly languageGuard?: boolean | undefined;
  /** What happens when reranking fails. @defaultValue 'keep-first-stage' */
  readonly onFailure?: 'keep-first-stage' | 'throw' | undefined;
  /** Whether every hit gets an explanation. What the query looked at, by place in the text. @defaultValue false */
  readonly explain?: boolean | undefined;
  /** Whether every hit gets its best sentences. `false` for none. @defaultValue false */
  readonly passages?: false | PassagesConfig | undefined;
  /** Searches once more, by the query's anchor after it has read the hits, and ranks what is new with them. `false` for none. @defaultValue false */
  readonly secondSearch?: false | SecondSearchConfig | undefined;
  /** Rankings remembered. `false` for none. @defaultValue maxEntries 1000, ttlMs 300000 */
  readonly cache?: false | StageCacheConfig | undefined;
  /** Leaves a failing reranker alone for a while. `false` for none. @defaultValue consecutiveFailures 5, halfOpenAfterMs 5000 */
  readonly breaker?: false | StageBreakerConfig | undefined;
  /** Weight of the first stage's score, for lexical first stages, 0 to 1. `false` for none. @defaultValue the model's, 0.2 */
  readonly fusion?: false | number | undefined;
  /** Lets documents that are alike have scores that are alike, in place of fusion. `false` for none. @defaultValue false */
  readonly smoothing?: false | SmoothingConfig | undefined;
  /** Reads near-duplicates once, and puts them below the one that was read. `false` for none. @defaultValue false */
  readonly duplicates?: false | DuplicatesConfig | undefined;
  /** Rules about fields that the model does not read: age, distance, price, stock, pins, caps. @defaultValue none */
  readonly signals?: readonly SignalOptions[] | undefined;
  /** Lets the first ranks hold documents that differ. `false` for none. @defaultValue false */
  readonly diversify?: false | DiversityOptions | undefined;
  /** How far hits may be pushed down that the first stage was right to put first. `false` for none. @defaultValue false */
  readonly orderLimits?: false | OrderLimitOptions | undefined;
}

/** The section `stage`. */
export const stageSection: z.ZodType<StageConfig> = sectionOf(stageOptions, {
  passages: falseOr(sectionOf(passageOptions)),
  secondSearch: falseOr(sectionOf(secondSearchOptions)),
  cache: falseOr(sectionOf(stageCacheOptions)),
  breaker: falseOr(sectionOf(breakerOptions)),
  fusion: z.union([z.literal(false), z.number().min(0).max(1)], {
    error: 'expected false, or a number in [0, 1]',
  }),
  ...listSchemas,
  ...orderStepSchemas,
}).refine(({ fusion, smoothing }) => !(smoothing && typeof fusion === 'number'), {
  ...always,
  error:
    'expected fusion or smoothing, not both: smoothing has the share of the first stage as firstStageWeight',
}) as z.ZodType<StageConfig>;
