/** Decides about one response: reranked, or in first-stage order and why. */
import type { Outcome, Plan, PlanWarning, Timings, UnrerankedReason } from '../../adapters/adapter.ts';
import { QueryError, type RerankerInfo, type Shortlist } from '../../engine/index.ts';
import { arrange } from './arrange.ts';
import { withPassages } from './hit-passages.ts';
import { listKey } from './list-key.ts';
import { withStates } from './list-states.ts';
import type { RunningSearch, StageParts } from './parts.ts';
import { type NamedList, rankList } from './rank-call.ts';
import { reasonOf, toBlockRankError } from './ranker.ts';
import { type Decision, isExplainedFor, isToBeSearchedAgain } from './ranking-memory.ts';
import type { Wish } from './search-options.ts';
import { type FirstList, type SearchedAgain, searchAgain } from './second-search.ts';
import { cutWarnings, textlessCandidates, textWarnings } from './texts.ts';

interface Decided<Request, Response> {
  readonly decision: Decision;
  /** The plan that the response answers: with the hits of a second search, where there are any. */
  readonly plan: Plan<Request>;
  /** The response that the decision is about. */
  readonly response: Response;
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
  run: RunningSearch<Request, Response>,
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
  const outcome = toOutcome({ ...decided.plan, warnings }, decided, run.wish, timings);
  tell(parts, outcome, decided);
  return settings.adapter.applyOutcome(decided.plan, decided.response, outcome);
}

async function decide<Request, Response>(
  parts: StageParts<Request, Response>,
  plan: Plan<Request>,
  response: Response,
  run: RunningSearch<Request, Response>,
): Promise<Decided<Request, Response>> {
  const passed = (reason: UnrerankedReason): Decided<Request, Response> => {
    return { decision: { kind: 'unranked', reason }, plan, response, isRemembered: false, rerankMs: 0 };
  };
  if (plan.reason) return passed(plan.reason);
  const shortlist = instructed(parts.settings.adapter.toShortlist(plan, response), run.wish);
  if (shortlist.candidates.length === 0) return passed('no-hits');
  if (shortlist.query.text.trim() === '') return passed('no-query-text');
  if (textlessCandidates(shortlist) === shortlist.candidates.length) {
    return { ...passed('no-document-text'), shortlist };
  }
  if (await isForeign(parts, shortlist, run)) return { ...passed('language'), shortlist };
  return decideList(parts, { plan, response, shortlist }, run);
}

/** Decides about a list that can be reranked: as an earlier page of it was, or anew. */
async function decideList<Request, Response>(
  parts: StageParts<Request, Response>,
  list: FirstList<Request, Response>,
  run: RunningSearch<Request, Response>,
): Promise<Decided<Request, Response>> {
  const { settings, memory } = parts;
  const { plan, shortlist } = list;
  const key = decisionKey(listKey(shortlist, settings.reranker.info), run.wish);
  const bound = memory.binding(key, plan.page.from);
  const isEnough = bound !== undefined && isExplainedFor(bound, run.wish);
  if (settings.cache) {
    const result = isEnough ? (bound.kind === 'ranked' ? 'hit' : 'unranked') : 'miss';
    parts.events.cache({ ...parts.source, result });
  }
  if (isEnough) return decideRemembered(parts, list, bound, run);
  const fetchedMs = settings.now();
  const stated = { ...list, shortlist: await withStates(parts, list, run) };
  const startedMs = settings.now();
  const statesMs = settings.adapter.addStates ? { statesMs: startedMs - fetchedMs } : {};
  const first = await rankFirst(parts, { ...stated, key }, run);
  const times = { rerankMs: settings.now() - startedMs, ...statesMs };
  if (first.kind === 'unranked') {
    const decision = memory.settle(key, plan.page.from, first);
    return { ...stated, decision, isRemembered: decision !== first, ...times };
  }
  const again = await searchAgain(parts, stated, first, run);
  const decision = memory.settle(key, plan.page.from, again.kept);
  return { ...settled(stated, again, decision), ...times };
}

/** What a caller gets whose search is done, by the decision that binds: its own, or another page's. */
function settled<Request, Response>(
  list: FirstList<Request, Response>,
  { kept, served, isRemembered }: SearchedAgain<Request, Response>,
  decision: Decision,
): Omit<Decided<Request, Response>, 'rerankMs'> {
  if (decision === kept) return { ...served.list, decision: served.decision, isRemembered: false };
  if (decision.kind === 'unranked' || isToBeSearchedAgain(decision)) {
    return { ...list, decision, isRemembered: true };
  }
  if (isRemembered !== undefined) return { ...served.list, decision: served.decision, isRemembered };
  const { secondSearch } = served.decision;
  return { ...list, decision: { ...decision, ...(secondSearch && { secondSearch }) }, isRemembered: true };
}

/** Follows the decision about a list that an earlier search made; hits of a second search are found anew. */
async function decideRemembered<Request, Response>(
  parts: StageParts<Request, Response>,
  list: FirstList<Request, Response>,
  bound: Decision,
  run: RunningSearch<Request, Response>,
): Promise<Decided<Request, Response>> {
  if (bound.kind === 'unranked' || isToBeSearchedAgain(bound)) {
    return { ...list, decision: bound, isRemembered: true, rerankMs: 0 };
  }
  const { served, isRemembered = true } = await searchAgain(parts, list, bound, run);
  return { ...served.list, decision: served.decision, isRemembered, rerankMs: 0 };
}

/** Names what is decided about a list: another second search of it has other hits. */
function decisionKey(key: string, { secondSearch }: Wish): string {
  return secondSearch ? `${key} ${secondSearch.k} ${secondSearch.field}` : key;
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
  { budget }: RunningSearch<Request, Response>,
): Promise<boolean> {
  try {
    return await budget.within(guard.isForeign(shortlist));
  } catch (error) {
    if (budget.signal.aborted) return false;
    throw error;
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

interface List extends NamedList {
  readonly plan: Pick<Plan<unknown>, 'page'>;
}

/** The decision about the first search's hits. */
async function rankFirst<Request, Response>(
  parts: StageParts<Request, Response>,
  list: List,
  run: RunningSearch<Request, Response>,
): Promise<Decision> {
  if (!run.budget.signal.aborted) run.budget.enter('rerank');
  try {
    return await rankList(parts, list, run);
  } catch (error) {
    return recover(parts, list, run, error);
  }
}

/** The decision after a failure, by the operator's policy. @throws the error itself when the policy says so. */
function recover<Request, Response>(
  parts: StageParts<Request, Response>,
  list: List,
  run: RunningSearch<Request, Response>,
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
  const bound = memory.binding(list.key, list.plan.page.from);
  if (bound?.kind === 'ranked') return { ...bound };
  throw failure;
}

function toOutcome<Request, Response>(
  plan: Plan<Request>,
  decided: Decided<Request, Response>,
  wish: Wish,
  timings: Timings,
): Outcome {
  const { decision, shortlist, isRemembered } = decided;
  const warnings = [...plan.warnings, ...(shortlist ? textWarnings(shortlist, plan.fields) : [])];
  if (decision.kind === 'ranked' && shortlist) {
    const { usage, routed, answerable } = decision.ranking;
    const { report: secondSearch } = decision.secondSearch ?? {};
    const { hits, keepsTail } = arrange(decision.ranking, shortlist, { ...wish, added: plan.addedHits });
    const shown = decision.isExplained ? withPassages(hits, shortlist, { ...wish, page: plan.page }) : hits;
    const holds = answerable === undefined ? {} : { answerable };
    const again = secondSearch ? { secondSearch } : {};
    const made = { ...holds, usage, ...(routed && { routed }), ...again, cached: isRemembered, timings };
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
  { shortlist, isRemembered }: Decided<Request, Response>,
): void {
  const { timings, warnings } = outcome;
  if (!outcome.reranked) {
    const { reason, error } = outcome;
    const told = { ...source, reason, ...(error && { error }), remembered: isRemembered, warnings, timings };
    events.unreranked(told);
    return;
  }
  const candidates = shortlist?.candidates.length ?? 0;
  const { cached, usage, routed, hits, secondSearch } = outcome;
  const made = {
    cached,
    usage,
    ...(routed && { routed }),
    ...(secondSearch && { secondSearch }),
    timings,
  };
  events.reranked({ ...source, candidates, dropped: candidates - hits.length, ...made });
}
