/** What one call of a stage may ask for, over the stage's own settings. */
import type { Plan, SearchOptions } from '../../adapters/adapter.ts';
import type { StageSettings } from './options.ts';

/** What one request may ask for, over the stage's own options. */
export interface StageRequestOptions {
  /** How many leading hits are reranked, at least 1. @defaultValue the stage's */
  readonly rankWindowSize?: number | undefined;
  /** Hits given back at most, in 1..rankWindowSize. @defaultValue the stage's */
  readonly topN?: number | undefined;
  /** Smallest calibrated score given back, in [0, 1]. @defaultValue the stage's */
  readonly minScore?: number | undefined;
  /** The question in words, when the request does not hold it or another is meant. */
  readonly queryText?: string | undefined;
  /** Whether every hit gets an explanation. @defaultValue the stage's */
  readonly explain?: boolean | undefined;
  /** Whether reranking is wanted at all; `false` sends the request as it is, with the reason `disabled`. @defaultValue true */
  readonly rerank?: boolean | undefined;
}

/** What every call may ask for. */
export interface StageCallOptions {
  /** Ends the search: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Time for everything, in milliseconds; 0 or less means that it has run out already. @defaultValue the stage's */
  readonly deadlineMs?: number | undefined;
}

/** What a search may ask for where nothing but data can be said: in a client's `context`, or in a header. */
export type StageWish = StageRequestOptions & Pick<StageCallOptions, 'deadlineMs'>;

/** Options of {@link RescoringStage.search}. */
export interface StageSearchOptions<Request, Response> extends StageRequestOptions, StageCallOptions {
  /** Runs the plan instead of the adapter's `search`. What it throws reaches the caller as it is. */
  readonly search?: ((plan: Plan<Request>, options: SearchOptions) => Promise<Response>) | undefined;
}

/** Options of {@link RescoringStage.searchMany}. */
export interface StageSearchManyOptions<Request, Response> extends StageRequestOptions, StageCallOptions {
  /** Runs all plans instead of the adapter's `searchMany`; one answer or error a plan, in order. */
  readonly searchMany?:
    | ((plans: readonly Plan<Request>[], options: SearchOptions) => Promise<readonly (Response | Error)[]>)
    | undefined;
  /** What a single request asks for, over the call's own options. */
  readonly each?: ((request: Request, index: number) => StageRequestOptions | undefined) | undefined;
}

/** What one request asks for, with the stage's settings filled in. */
export interface Wish {
  readonly rankWindowSize: number;
  readonly topN: number | undefined;
  readonly minScore: number | undefined;
  readonly queryText: string | undefined;
  readonly explain: boolean;
  readonly rerank: boolean;
}

type StageDefaults = Pick<
  StageSettings<unknown, unknown>,
  'rankWindowSize' | 'topN' | 'minScore' | 'explain' | 'deadlineMs'
>;

/** Fills in and checks. @throws RangeError for a value that cannot be. */
export function wishOf(settings: StageDefaults, options: StageRequestOptions): Wish {
  const wish: Wish = {
    rankWindowSize: options.rankWindowSize ?? settings.rankWindowSize,
    topN: options.topN ?? settings.topN,
    minScore: options.minScore ?? settings.minScore,
    queryText: options.queryText,
    explain: options.explain ?? settings.explain,
    rerank: options.rerank ?? true,
  };
  const { rankWindowSize, topN, minScore } = wish;
  expectRange(Number.isInteger(rankWindowSize) && rankWindowSize >= 1, 'rankWindowSize >= 1', rankWindowSize);
  if (topN !== undefined) {
    const isInWindow = Number.isInteger(topN) && topN >= 1 && topN <= rankWindowSize;
    expectRange(isInWindow, `topN in 1..rankWindowSize (${rankWindowSize})`, topN);
  }
  if (minScore !== undefined) expectRange(minScore >= 0 && minScore <= 1, 'minScore in [0, 1]', minScore);
  return wish;
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
