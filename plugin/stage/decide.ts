/** Decides about one response: reranked, or in first-stage order and why. */
import type { Outcome, Plan, PlanWarning, Timings, UnrerankedReason } from '../../adapters/adapter.ts';
import { QueryError, type RerankerInfo, type Shortlist } from '../../engine/index.ts';
import type { Budget } from '../guard/budget.ts';
import type { LanguageGuard } from '../guard/language-guard.ts';
import { arrange } from './arrange.ts';
import type { StageEvents } from './events.ts';
import { withPassages } from './hit-passages.ts';
import { listKey } from './list-key.ts';
import type { StageSettings } from './options.ts';
import { type RankCall, type Ranker, reasonOf, toBlockRankError } from './ranker.ts';
import type { Decision, RankingMemory } from './ranking-memory.ts';
import { type Wish, wantsMasses } from './search-options.ts';
import { cutWarnings, textlessCandidates, textWarnings } from './texts.ts';

/** An open stage's parts. */
export interface StageParts<Request, Response> {
  readonly settings: StageSettings<Request, Response>;
  readonly ranker: Ranker;
  readonly memory: RankingMemory;
  readonly guard: LanguageGuard;
  readonly events: Required<StageEvents>;
  /** Adapter and reranker, as every event names them. */
  readonly source: { readonly adapter: string; readonly reranker: string };
}

/** One request under way. */
export interface RunningSearch {
  readonly wish: Wish;
  readonly budget: Budget;
  readonly startedMs: number;
  readonly firstStageMs: number;
}

interface Decided {
  readonly decision: Decision;
  /** The shortlist; absent when none was made. */
  readonly shortlist?: Shortlist;
  /** Whether an earlier request decided the outcome. */
  readonly isRemembered: boolean;
  readonly rerankMs: number;
  /** Time of fetching states, in milliseconds; absent when none were fetched. */
  readonly statesMs?: number;
}

/** The response as the caller gets it. */
export async function finish<Request, Response>(
  parts: StageParts<Request, Response>,
  plan: Plan<Request>,
  response: Response,
  run: RunningSearch,
): Promise<Response> {
  const { settings } = parts;
  const decided = await decide(parts, plan, response, run);
  const timings: Timings = {
    firstStageMs: run.firstStageMs,
    ...(decided.statesMs !== undefined && { statesMs: decided.statesMs }),
    rerankMs: decided.rerankMs,
    totalMs: settings.now() - run.startedMs,
  };
  const ignored = instructionWarnings(run.wish, settings.reranker.info);
  const warnings = [...plan.warnings, ...ignored];
  const outcome = toOutcome({ ...plan, warnings }, decided, run.wish, timings);
  tell(parts, outcome, decided);
  return settings.adapter.applyOutcome(plan, response, outcome);
}

async function decide<Request, Response>(
  parts: StageParts<Request, Response>,
  plan: Plan<Request>,
  response: Response,
  run: RunningSearch,
): Promise<Decided> {
  if (plan.reason) return passed(plan.reason);
  const shortlist = instructed(parts.settings.adapter.toShortlist(plan, response), run.wish);
  if (shortlist.candidates.length === 0) return passed('no-hits');
  if (shortlist.query.text.trim() === '') return passed('no-query-text');
  if (textlessCandidates(shortlist) === shortlist.candidates.length) {
    return { ...passed('no-document-text'), shortlist };
  }
  if (await isForeign(parts, shortlist, run)) return { ...passed('language'), shortlist };
  const key = listKey(shortlist, parts.settings.reranker.info);
  const bound = parts.memory.binding(key, plan.page.from);
  const isEnough =
    bound !== undefined && (bound.kind === 'unranked' || bound.isExplained || !wantsMasses(run.wish));
  if (parts.settings.cache) {
    const result = isEnough ? (bound.kind === 'ranked' ? 'hit' : 'unranked') : 'miss';
    parts.events.cache({ ...parts.source, result });
  }
  if (isEnough) return { decision: bound, shortlist, isRemembered: true, rerankMs: 0 };
  const { from } = plan.page;
  const { adapter } = parts.settings;
  if (!adapter.addStates) return rankNow(parts, { key, shortlist, from }, run);
  const startedMs = parts.settings.now();
  const fetch = (): Promise<Shortlist> =>
    adapter.addStates!({ plan, response, shortlist }, { signal: run.budget.signal });
  const stated = await withStates(parts, shortlist, run, fetch);
  const statesMs = parts.settings.now() - startedMs;
  return { ...(await rankNow(parts, { key, shortlist: stated, from }, run)), statesMs };
}

/** The shortlist with the call's own instruction. */
function instructed(shortlist: Shortlist, { instruction }: Wish): Shortlist {
  if (instruction === undefined) return shortlist;
  return { ...shortlist, query: { ...shortlist.query, instruction } };
}

/** Whether the guard stops the list; not where time runs out before it knows, since the next step says that. */
async function isForeign<Request, Response>(
  { guard }: StageParts<Request, Response>,
  shortlist: Shortlist,
  { budget }: RunningSearch,
): Promise<boolean> {
  try {
    return await budget.within(guard.isForeign(shortlist));
  } catch (error) {
    if (budget.signal.aborted) return false;
    throw error;
  }
}

/** The list with its block states; without states when fetching fails: then the reranker encodes the documents anew. */
async function withStates<Request, Response>(
  { settings, events, source }: StageParts<Request, Response>,
  shortlist: Shortlist,
  { budget }: RunningSearch,
  fetch: () => Promise<Shortlist>,
): Promise<Shortlist> {
  budget.enter('states');
  try {
    return await settings.tracing.trace('states', source, () => budget.within(fetch()));
  } catch (error) {
    // When the caller gave up, or time ran out, the next step handles it.
    if (!budget.signal.aborted) events.failure({ ...source, phase: 'states', error });
    return shortlist;
  }
}

function instructionWarnings(
  { instruction }: Wish,
  { name, takesInstructions }: RerankerInfo,
): PlanWarning[] {
  if (instruction === undefined || takesInstructions) return [];
  const message = `The instruction was not read: the reranker "${name}" reads none. Leave it out, or take a model whose manifest has one.`;
  return [{ code: 'instruction-ignored', message }];
}

function passed(reason: UnrerankedReason): Decided {
  return { decision: { kind: 'unranked', reason }, isRemembered: false, rerankMs: 0 };
}

interface List {
  readonly key: string;
  readonly shortlist: Shortlist;
  readonly from: number;
}

async function rankNow<Request, Response>(
  parts: StageParts<Request, Response>,
  list: List,
  run: RunningSearch,
): Promise<Decided> {
  const { settings, ranker, source } = parts;
  const { shortlist, key } = list;
  const explain = wantsMasses(run.wish);
  const startedMs = settings.now();
  if (!run.budget.signal.aborted) run.budget.enter('rerank');
  const attributes = { ...source, candidates: shortlist.candidates.length };
  let own: Decision;
  try {
    const ranking = await settings.tracing.trace('rerank', attributes, () =>
      ranker.rank({ key: timedKey(key, run), shortlist, explain, ...readingTime(settings, run) }),
    );
    own = { kind: 'ranked', ranking, isExplained: explain };
  } catch (error) {
    own = recover(parts, list, run, error);
  }
  const decision = parts.memory.settle(key, list.from, own);
  return { decision, shortlist, isRemembered: decision !== own, rerankMs: settings.now() - startedMs };
}

/** The name of a call for a list: calls with unlike deadlines read unlike parts of it. */
function timedKey(key: string, { budget: { deadlineMs } }: RunningSearch): string {
  return deadlineMs === Number.POSITIVE_INFINITY ? key : `${deadlineMs} ${key}`;
}

function readingTime(
  { readingShare }: Pick<StageParts<unknown, unknown>['settings'], 'readingShare'>,
  { budget }: RunningSearch,
): Pick<RankCall, 'signal' | 'readWithinMs'> {
  const { signal } = budget;
  const leftMs = budget.leftMs();
  if (readingShare === false || leftMs === Number.POSITIVE_INFINITY) return { signal };
  return { signal, readWithinMs: readingShare * leftMs };
}

/** The decision after a failure, by the operator's policy. @throws the error itself when the policy says so. */
function recover<Request, Response>(
  parts: StageParts<Request, Response>,
  list: List,
  run: RunningSearch,
  error: unknown,
): Decision {
  run.budget.throwIfAbandoned();
  const { settings, events, source, memory } = parts;
  const failure = toBlockRankError(error, settings.reranker);
  const own: Decision = { kind: 'unranked', reason: reasonOf(error), error: failure };
  if (error instanceof QueryError) return own;
  events.failure({ ...source, phase: 'rerank', error });
  if (settings.onFailure === 'keep-first-stage') return own;
  // The ranking of this list that another page made meanwhile serves the caller as well as its own.
  const bound = memory.binding(list.key, list.from);
  if (bound?.kind === 'ranked') return { ...bound };
  throw failure;
}

function toOutcome<Request>(plan: Plan<Request>, decided: Decided, wish: Wish, timings: Timings): Outcome {
  const { decision, shortlist, isRemembered } = decided;
  const warnings = [...plan.warnings, ...(shortlist ? textWarnings(shortlist, plan.fields) : [])];
  if (decision.kind === 'ranked' && shortlist) {
    const { usage, routed, answerable } = decision.ranking;
    const { hits, keepsTail } = arrange(decision.ranking, shortlist, wish);
    const shown = decision.isExplained ? withPassages(hits, shortlist, { ...wish, page: plan.page }) : hits;
    const holds = answerable === undefined ? {} : { answerable };
    const made = { ...holds, usage, ...(routed && { routed }), cached: isRemembered, timings };
    return {
      reranked: true,
      hits: shown,
      keepsTail,
      ...made,
      warnings: [...warnings, ...cutWarnings(usage)],
    };
  }
  const { reason, error } = decision as Extract<Decision, { kind: 'unranked' }>;
  return { reranked: false, reason, ...(error && { error }), timings, warnings };
}

function tell<Request, Response>(
  { events, source }: StageParts<Request, Response>,
  outcome: Outcome,
  { shortlist, isRemembered }: Decided,
): void {
  const { timings, warnings } = outcome;
  if (!outcome.reranked) {
    const { reason, error } = outcome;
    const told = { ...source, reason, ...(error && { error }), remembered: isRemembered, warnings, timings };
    events.unreranked(told);
    return;
  }
  const candidates = shortlist?.candidates.length ?? 0;
  const { cached, usage, routed, hits } = outcome;
  const made = { cached, usage, ...(routed && { routed }), timings };
  events.reranked({ ...source, candidates, dropped: candidates - hits.length, ...made });
}
