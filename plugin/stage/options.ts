/** Options of the rescoring stage, checked in one place. */
import { z } from 'zod';
import type { Adapter, SearchReader } from '../../adapters/adapter.ts';
import {
  ConfigurationError,
  type DiversityOptions,
  type DuplicateOptions,
  defaultScoreSteps,
  type OrderLimitOptions,
  orderSteps,
  type PassageOptions,
  type Reranker,
  type ScoreStep,
  type SignalOptions,
  unknownName,
} from '../../engine/index.ts';
import type { BreakerOptions } from '../guard/breaker.ts';
import { listSchemas, orderStepSchemas } from '../options/checked-by.ts';
import { stageCacheOptions, stageOptions } from '../options/stage-options.ts';
import { noTracing, type StageEvents, type StageTracing } from './events.ts';
import {
  type SecondSearchOptions,
  type SecondSearchSettings,
  secondSearchIssues,
  secondSearchNames,
  secondSearchSchema,
  secondSearchSettings,
} from './second-search-options.ts';

/** Leading hits reranked by default. */
export const defaultRankWindowSize: number = stageOptions.rankWindowSize.default;
/** Rankings remembered by default. */
export const defaultCacheEntries: number = stageCacheOptions.maxEntries.default;
/** How long a ranking is remembered by default, in milliseconds. */
export const defaultCacheTtlMs: number = stageCacheOptions.ttlMs.default;

/** What happens when reranking fails: the hits come in first-stage order, marked with the reason, or the search throws. */
export type OnFailure = 'keep-first-stage' | 'throw';

/** Bounds of the ranking cache. */
export interface StageCacheOptions {
  /** Lists remembered at most, at least 1. @defaultValue 1000 */
  readonly maxEntries?: number | undefined;
  /** How long a list's order is remembered, in milliseconds, above 0. @defaultValue 300000 */
  readonly ttlMs?: number | undefined;
}

/** An adapter; or a reader alone, where each call of the stage brings its own way to send (`search`, `searchMany`). */
export type StageAdapter<Request, Response> = SearchReader<Request, Response> &
  Partial<Pick<Adapter<Request, Response>, 'search' | 'searchMany'>>;

/** Options of {@link rescoringStage}. */
export interface RescoringStageOptions<Request, Response> {
  /** Talks to the search server. */
  readonly adapter: StageAdapter<Request, Response>;
  /** Orders the shortlist. The stage never closes it. */
  readonly reranker: Reranker;
  /** How many leading hits are reranked, at least 1. @defaultValue 100 */
  readonly rankWindowSize?: number | undefined;
  /** Hits given back at most, at least 1 and at most `rankWindowSize`; the list ends there. @defaultValue all */
  readonly topN?: number | undefined;
  /** Smallest calibrated score given back, in [0, 1]; hits below it are dropped, and what follows the window with them. @defaultValue any */
  readonly minScore?: number | undefined;
  /** Time for first stage, the client's retries and reranking together, in milliseconds, above 0. @defaultValue Infinity */
  readonly deadlineMs?: number | undefined;
  /**
   * Share of the time left in which documents are read, above 0 and at most 1; what was read by then is ranked, and the
   * response says how many documents that are. `false`: a list that cannot be read whole in time keeps its first-stage
   * order. @defaultValue 0.85
   */
  readonly readingShare?: false | number | undefined;
  /**
   * Whether a list whose query or documents are in a language that the reranker's `languages` do not name keeps its
   * first-stage order, with the reason `language`. @defaultValue true
   */
  readonly languageGuard?: boolean | undefined;
  /** What happens when reranking fails or runs out of time. @defaultValue 'keep-first-stage' */
  readonly onFailure?: OnFailure | undefined;
  /** Change the ranking after the model, in this order. @defaultValue `[fusion()]`, with the reranker's `fusionWeight` */
  readonly scoreSteps?: readonly ScoreStep[] | undefined;
  /** Reads near-duplicates once, after which score steps see the one that was read; `false`: reads each. @defaultValue false */
  readonly duplicates?: DuplicateOptions | false | undefined;
  /**
   * Rules about fields that the model does not read, after the score steps. The adapter must name the fields too, in
   * its option `signals`. @defaultValue none
   */
  readonly signals?: readonly SignalOptions[] | undefined;
  /** Lets the first ranks hold documents that differ, after the signals that score. @defaultValue false */
  readonly diversify?: false | DiversityOptions | undefined;
  /** How far hits may be pushed down that the first stage was right to put first; after all else. @defaultValue false */
  readonly orderLimits?: false | OrderLimitOptions | undefined;
  /** Remembers rankings, so that pages of one list agree and repeated lists cost nothing; `false`: no memory, and pages agree only while reranking never fails. @defaultValue `{}` */
  readonly cache?: StageCacheOptions | false | undefined;
  /** Leaves a failing reranker alone for a while; `false`: never. @defaultValue `{}` */
  readonly breaker?: BreakerOptions | false | undefined;
  /** Whether every hit gets an explanation. @defaultValue false */
  readonly explain?: boolean | undefined;
  /** Whether every hit gets its best sentences; see {@link PassageOptions}. `false` for none. @defaultValue false */
  readonly passages?: PassageOptions | false | undefined;
  /**
   * Searches each list once more, by the query's anchor after it has read the hits, and ranks what is new together with
   * them; see {@link SecondSearchOptions}. `false`: never. @defaultValue false
   */
  readonly secondSearch?: SecondSearchOptions | false | undefined;
  /** Listeners to the stage's events. @defaultValue none */
  readonly events?: StageEvents | readonly StageEvents[] | undefined;
  /** Runs the parts of a search inside spans. @defaultValue none */
  readonly tracing?: StageTracing | undefined;
  /** The clock, in milliseconds. @defaultValue `performance.now` */
  readonly now?: (() => number) | undefined;
}

/** Options with their defaults filled in. */
export interface StageSettings<Request, Response> {
  readonly adapter: StageAdapter<Request, Response>;
  readonly reranker: Reranker;
  readonly rankWindowSize: number;
  readonly topN: number | undefined;
  readonly minScore: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly readingShare: number | false;
  readonly languageGuard: boolean;
  readonly onFailure: OnFailure;
  readonly scoreSteps: readonly ScoreStep[];
  readonly cache: { readonly maxEntries: number; readonly ttlMs: number } | false;
  readonly breaker: BreakerOptions | false;
  readonly duplicates: DuplicateOptions | false;
  readonly orderSteps: readonly ScoreStep[];
  readonly explain: boolean;
  readonly passages: PassageOptions | false;
  readonly secondSearch: SecondSearchSettings | false;
  readonly listeners: readonly StageEvents[];
  readonly tracing: StageTracing;
  readonly now: () => number;
}

const wholeNumber = z.int('expected a whole number').min(1, 'expected at least 1');
const milliseconds = z.custom<number>(
  (value) => typeof value === 'number' && value > 0,
  'expected milliseconds above 0',
);
const finiteMilliseconds = milliseconds.refine(Number.isFinite, 'expected a finite number of milliseconds');
const callable = z.custom((value) => typeof value === 'function', 'expected a function');
const members = (names: readonly string[], what: string): z.ZodType =>
  z.custom((value) => {
    const holder = value as Record<string, unknown> | null | undefined;
    return names.every((name) => typeof holder?.[name] === 'function');
  }, what);

const cacheShape = z.strictObject({
  maxEntries: wholeNumber.optional(),
  ttlMs: finiteMilliseconds.optional(),
});
const breakerShape = z.strictObject({
  consecutiveFailures: wholeNumber.optional(),
  halfOpenAfterMs: finiteMilliseconds.optional(),
});

const passagesShape = z.strictObject({
  perHit: wholeNumber.optional(),
  maxTokens: wholeNumber.optional(),
  maxTotalTokens: wholeNumber.optional(),
});

const optionsShape = z.strictObject({
  adapter: members(
    ['plan', 'toShortlist', 'applyOutcome'],
    'expected an adapter, for instance elasticsearchAdapter({ client })',
  ),
  reranker: members(['rerank', 'close'], 'expected a reranker, for instance await openReranker()'),
  rankWindowSize: wholeNumber.optional(),
  topN: wholeNumber.optional(),
  minScore: z
    .number('expected a number in [0, 1]')
    .min(0, 'expected at least 0')
    .max(1, 'expected at most 1')
    .optional(),
  deadlineMs: milliseconds.optional(),
  readingShare: z
    .union([z.literal(false), z.number().gt(0).max(1)], 'expected false, or a number above 0 and at most 1')
    .optional(),
  languageGuard: z.boolean('expected true or false').optional(),
  onFailure: z.enum(['keep-first-stage', 'throw'], "expected 'keep-first-stage' or 'throw'").optional(),
  scoreSteps: z.array(callable, 'expected a list of score steps').optional(),
  duplicates: listSchemas.duplicates.optional(),
  signals: orderStepSchemas.signals.optional(),
  diversify: orderStepSchemas.diversify.optional(),
  orderLimits: orderStepSchemas.orderLimits.optional(),
  cache: z.union([z.literal(false), cacheShape]).optional(),
  breaker: z.union([z.literal(false), breakerShape]).optional(),
  explain: z.boolean('expected true or false').optional(),
  passages: z.union([z.literal(false), passagesShape]).optional(),
  secondSearch: z.union([z.literal(false), secondSearchSchema]).optional(),
  events: z
    .union([z.array(z.looseObject({})), z.looseObject({})], 'expected an object of callbacks')
    .optional(),
  tracing: members(
    ['trace'],
    'expected a tracing hook, for instance openTelemetryStageTracing(tracer)',
  ).optional(),
  now: callable.optional(),
});

/** Names of all options. */
export const stageOptionNames: readonly string[] = Object.keys(optionsShape.shape);

const innerNames: Readonly<Record<string, readonly string[]>> = {
  cache: Object.keys(cacheShape.shape),
  breaker: Object.keys(breakerShape.shape),
  passages: Object.keys(passagesShape.shape),
  secondSearch: secondSearchNames,
};

/** The options with their defaults. @throws ConfigurationError listing every faulty option. */
export function stageSettings<Request, Response>(
  options: RescoringStageOptions<Request, Response>,
): StageSettings<Request, Response> {
  const shape = shapeIssues(options);
  // An option of the wrong form is told before what it would need.
  const issues = [...shape, ...windowIssues(options), ...(shape.length > 0 ? [] : searchIssues(options))];
  if (issues.length > 0) throw new ConfigurationError('Cannot open the rescoring stage', issues);
  const { events = [] } = options;
  return {
    adapter: options.adapter,
    reranker: options.reranker,
    rankWindowSize: options.rankWindowSize ?? defaultRankWindowSize,
    topN: options.topN,
    minScore: options.minScore,
    deadlineMs: options.deadlineMs,
    readingShare: options.readingShare ?? stageOptions.readingShare.default,
    languageGuard: options.languageGuard ?? stageOptions.languageGuard.default,
    onFailure: options.onFailure ?? stageOptions.onFailure.default,
    scoreSteps: options.scoreSteps ?? defaultScoreSteps(options.reranker.info),
    cache: cacheSettings(options),
    breaker: options.breaker ?? {},
    duplicates: options.duplicates ?? false,
    orderSteps: orderSteps(options),
    explain: options.explain ?? stageOptions.explain.default,
    passages: options.passages ?? stageOptions.passages.default,
    secondSearch: options.secondSearch ? secondSearchSettings(options.secondSearch, options) : false,
    listeners: Array.isArray(events) ? events : [events as StageEvents],
    tracing: options.tracing ?? noTracing,
    now: options.now ?? (() => performance.now()),
  };
}

function cacheSettings({
  cache = {},
}: Pick<RescoringStageOptions<unknown, unknown>, 'cache'>): StageSettings<unknown, unknown>['cache'] {
  if (cache === false) return false;
  return { maxEntries: cache.maxEntries ?? defaultCacheEntries, ttlMs: cache.ttlMs ?? defaultCacheTtlMs };
}

interface Issue {
  readonly path: string;
  readonly message: string;
}

function shapeIssues(options: unknown): Issue[] {
  const parsed = optionsShape.safeParse(options);
  return (parsed.error?.issues ?? []).flatMap((issue) => flatten(issue, []));
}

/** A union's issue hides the inner fault; the alternative that got furthest tells it. */
function flatten(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Issue[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key].map(String).join('.'),
      message: unknownName(key, path.length === 0 ? stageOptionNames : innerNames[path.join('.')]!),
    }));
  }
  const inner =
    issue.code === 'invalid_union'
      ? issue.errors.flat().filter(({ path: at, code }) => at.length > 0 || code === 'unrecognized_keys')
      : [];
  if (inner.length > 0) return inner.flatMap((one) => flatten(one, path));
  return [{ path: path.map(String).join('.'), message: issue.message }];
}

function searchIssues<Request, Response>({
  secondSearch,
  ...parts
}: RescoringStageOptions<Request, Response>): readonly Issue[] {
  return secondSearch ? secondSearchIssues(secondSearch, parts) : [];
}

function windowIssues(
  options: { readonly topN?: number | undefined; readonly rankWindowSize?: number | undefined } | undefined,
): Issue[] {
  const { topN, rankWindowSize = defaultRankWindowSize } = options ?? {};
  if (typeof topN !== 'number' || !(topN > rankWindowSize)) return [];
  return [{ path: 'topN', message: `expected at most rankWindowSize (${rankWindowSize}), got ${topN}` }];
}
