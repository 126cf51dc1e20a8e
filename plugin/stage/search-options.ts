/** Options of one call of a stage, which win over the stage's own settings. */
import type { Plan, SearchOptions } from '../../adapters/adapter.ts';
import { ConfigurationError, type PassageOptions, passageIssues } from '../../engine/index.ts';
import type { StageSettings } from './options.ts';
import {
  type SecondSearchOptions,
  type SecondSearchSettings,
  secondSearchIssues,
  secondSearchSchema,
  secondSearchSettings,
} from './second-search-options.ts';

/** Options of one request, which win over the stage's own. */
export interface StageRequestOptions {
  /** How many leading hits are reranked, at least 1. @defaultValue the stage's */
  readonly rankWindowSize?: number | undefined;
  /** Most hits of the response, in 1..rankWindowSize. @defaultValue the stage's */
  readonly topN?: number | undefined;
  /** Smallest calibrated score of a kept hit, in [0, 1]. @defaultValue the stage's */
  readonly minScore?: number | undefined;
  /** The question in words; needed when the request does not hold the question, or to ask the model another one. */
  readonly queryText?: string | undefined;
  /**
   * What to look for, in words, in place of the model's own instruction, for instance `Find products that solve the
   * problem.`; a model that reads none ignores it, with the warning `instruction-ignored`. @defaultValue the model's
   */
  readonly instruction?: string | undefined;
  /** Whether every hit gets an explanation. @defaultValue the stage's */
  readonly explain?: boolean | undefined;
  /** Which sentences every hit gets beside it; `false` for none. @defaultValue the stage's */
  readonly passages?: PassageOptions | false | undefined;
  /** How the list is searched once more; `false`: it is not. @defaultValue the stage's */
  readonly secondSearch?: SecondSearchOptions | false | undefined;
  /** Whether to rerank at all; `false` sends the user's own request, with the reason `disabled`. @defaultValue true */
  readonly rerank?: boolean | undefined;
}

/** Options of every call. */
export interface StageCallOptions {
  /** Ends the search, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Time for the whole search, in milliseconds; 0 or less means that the time has run out already.
   * @defaultValue the stage's
   */
  readonly deadlineMs?: number | undefined;
}

/** Options of a search as plain data: in a client's `context`, or in a header. */
export type StageWish = StageRequestOptions & Pick<StageCallOptions, 'deadlineMs'>;

/** Options of {@link RescoringStage.search}. */
export interface StageSearchOptions<Request, Response> extends StageRequestOptions, StageCallOptions {
  /** Runs the plan instead of the adapter's `search`. Its errors reach the caller unchanged. */
  readonly search?: ((plan: Plan<Request>, options: SearchOptions) => Promise<Response>) | undefined;
}

/** Options of {@link RescoringStage.searchMany}. */
export interface StageSearchManyOptions<Request, Response> extends StageRequestOptions, StageCallOptions {
  /** Runs all plans instead of the adapter's `searchMany`; one answer or error a plan, in order. */
  readonly searchMany?:
    | ((plans: readonly Plan<Request>[], options: SearchOptions) => Promise<readonly (Response | Error)[]>)
    | undefined;
  /** Options of a single request, which win over the call's. */
  readonly each?: ((request: Request, index: number) => StageRequestOptions | undefined) | undefined;
}

/** The options of one request, with the stage's settings filled in. */
export interface Wish {
  readonly rankWindowSize: number;
  readonly topN: number | undefined;
  readonly minScore: number | undefined;
  readonly queryText: string | undefined;
  readonly instruction: string | undefined;
  readonly explain: boolean;
  readonly passages: PassageOptions | false;
  readonly secondSearch: SecondSearchSettings | false;
  readonly rerank: boolean;
}

type StageDefaults = Pick<
  StageSettings<unknown, unknown>,
  | 'rankWindowSize'
  | 'topN'
  | 'minScore'
  | 'explain'
  | 'passages'
  | 'deadlineMs'
  | 'secondSearch'
  | 'adapter'
  | 'reranker'
>;

/** Fills in the stage's settings and checks the values. @throws RangeError for an impossible value. @throws ConfigurationError for passages or a second search that cannot be. */
export function wishOf(settings: StageDefaults, options: StageRequestOptions): Wish {
  const wish: Wish = {
    rankWindowSize: options.rankWindowSize ?? settings.rankWindowSize,
    topN: options.topN ?? settings.topN,
    minScore: options.minScore ?? settings.minScore,
    queryText: options.queryText,
    instruction: options.instruction,
    explain: options.explain ?? settings.explain,
    passages: options.passages ?? settings.passages,
    secondSearch: secondSearchOf(settings, options),
    rerank: options.rerank ?? true,
  };
  const { rankWindowSize, topN, minScore } = wish;
  expectRange(Number.isInteger(rankWindowSize) && rankWindowSize >= 1, 'rankWindowSize >= 1', rankWindowSize);
  if (topN !== undefined) {
    const isInWindow = Number.isInteger(topN) && topN >= 1 && topN <= rankWindowSize;
    expectRange(isInWindow, `topN in 1..rankWindowSize (${rankWindowSize})`, topN);
  }
  if (minScore !== undefined) expectRange(minScore >= 0 && minScore <= 1, 'minScore in [0, 1]', minScore);
  const issues = wish.passages ? passageIssues(wish.passages, 'passages.') : [];
  if (issues.length > 0) throw new ConfigurationError('Cannot take passages', issues);
  return wish;
}

/** The call's own second search, checked, else the stage's. */
function secondSearchOf(
  settings: StageDefaults,
  { secondSearch: own }: StageRequestOptions,
): SecondSearchSettings | false {
  if (own === undefined) return settings.secondSearch;
  if (own === false) return false;
  const wanted = { ...(settings.secondSearch || {}), ...own };
  const form = secondSearchSchema.safeParse(wanted).error?.issues ?? [];
  const issues = [
    ...form.map(({ path, message }) => ({ path: ['secondSearch', ...path].join('.'), message })),
    ...secondSearchIssues(wanted, settings),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot search again', issues);
  return secondSearchSettings(wanted, settings);
}

/** Whether the reranker is asked for explanations: passages are made from them. */
export function wantsMasses({ explain, passages }: Pick<Wish, 'explain' | 'passages'>): boolean {
  return explain || passages !== false;
}

/** The call's deadline, else the stage's. @throws RangeError when it is not a number. */
export function deadlineOf(
  settings: Pick<StageDefaults, 'deadlineMs'>,
  options: StageCallOptions,
): number | undefined {
  const deadlineMs = options.deadlineMs ?? settings.deadlineMs;
  if (deadlineMs !== undefined) {
    expectRange(
      typeof deadlineMs === 'number' && !Number.isNaN(deadlineMs),
      'deadlineMs in milliseconds',
      deadlineMs,
    );
  }
  return deadlineMs;
}

function expectRange(isMet: boolean, expected: string, got: unknown): void {
  if (!isMet) throw new RangeError(`RescoringStage.search: expected ${expected}, got ${String(got)}.`);
}
