/**
 * Searches a ranked list once more, by the query's anchor after it has read the list, and ranks what is new together with
 * the list. Whatever goes wrong, the list stays as it was ranked before.
 */
import type { MergedSearch, Plan, SecondSearchReport } from '../../adapters/adapter.ts';
import { BlockRankError, type Candidate, type Shortlist } from '../../engine/index.ts';
import { listKey } from './list-key.ts';
import { withStates } from './list-states.ts';
import type { RunningSearch, StageParts } from './parts.ts';
import { rankCall } from './rank-call.ts';
import type { RankedDecision, SecondHits } from './ranking-memory.ts';
import type { SecondSearchSettings } from './second-search-options.ts';

/** A list that was found. */
export interface FirstList<Request, Response> {
  /** The plan that was sent. */
  readonly plan: Plan<Request>;
  /** What came back. */
  readonly response: Response;
  /** The list of it. */
  readonly shortlist: Shortlist;
}

/** A report without its time. */
type Finding = Omit<SecondSearchReport, 'tookMs'>;

/** What a second search changes: nothing without hits of its own. */
interface Result {
  readonly finding: Finding;
  readonly ranking?: RankedDecision['ranking'];
  readonly hits?: SecondHits;
}

const nothing: Finding = { read: 0, found: 0, added: 0 };

/**
 * The decision after a second search; the decision about the first list where nothing new was found, or something went
 * wrong.
 *
 * @param list - With its block states.
 */
export async function searchAgain<Request, Response>(
  parts: StageParts<Request, Response>,
  list: FirstList<Request, Response>,
  first: RankedDecision,
  run: RunningSearch<Request, Response>,
): Promise<RankedDecision> {
  const wanted = run.wish.secondSearch;
  if (!wanted) return first;
  const { now } = parts.settings;
  const startedMs = now();
  const {
    finding,
    ranking = first.ranking,
    hits,
  } = await tried(parts, run, () => findMore(parts, list, wanted, run));
  const report = { ...finding, tookMs: now() - startedMs };
  return { ...first, ranking, secondSearch: { report, ...(hits && { hits }) } };
}

/** What a second search gives, or why it gives nothing. @throws the caller's own reason once the caller has given up */
async function tried<Request, Response>(
  { settings, events, source }: StageParts<Request, Response>,
  { budget }: RunningSearch<Request, Response>,
  search: () => Promise<Result>,
): Promise<Result> {
  if (budget.signal.aborted) return { finding: { ...nothing, reason: 'deadline' } };
  budget.enter('second-search');
  try {
    return await settings.tracing.trace('second-search', source, () => budget.within(search()));
  } catch (error) {
    budget.throwIfAbandoned();
    if (budget.signal.aborted) return { finding: { ...nothing, reason: 'deadline' } };
    events.failure({ ...source, phase: 'second-search', error });
    return { finding: { ...nothing, reason: 'error', error: faultOf(error) } };
  }
}

async function findMore<Request, Response>(
  parts: StageParts<Request, Response>,
  list: FirstList<Request, Response>,
  { k, field }: SecondSearchSettings,
  run: RunningSearch<Request, Response>,
): Promise<Result> {
  const { adapter, reranker } = parts.settings;
  const { plan, response, shortlist } = list;
  const { signal } = run.budget;
  const { values, read } = await reranker.readAnchor!(shortlist, { signal });
  if (read === 0) return { finding: { ...nothing, reason: 'unread' } };
  const second = adapter.planSecondSearch!(plan, { vector: [...values], k, field });
  if (typeof second === 'string') return { finding: { ...nothing, read, reason: second } };
  const answer = await run.send(second, { signal });
  const merged = adapter.mergeSecondSearch!(plan, response, answer);
  const { addedHits: added = 0 } = merged.plan;
  const finding = { read, found: merged.found, added };
  if (added === 0) return { finding };
  const ranking = await rankMerged(parts, list, merged, run);
  return { finding, ranking, hits: { added: merged.added } };
}

async function rankMerged<Request, Response>(
  parts: StageParts<Request, Response>,
  { plan, shortlist: first }: FirstList<Request, Response>,
  merged: MergedSearch<Request, Response>,
  run: RunningSearch<Request, Response>,
): Promise<RankedDecision['ranking']> {
  const { settings, ranker, source } = parts;
  const shortlist = withAdded(first, await withStates(parts, addedList(settings, plan, merged), run));
  run.budget.enter('rerank');
  const key = listKey(shortlist, settings.reranker.info);
  const attributes = { ...source, candidates: shortlist.candidates.length };
  return settings.tracing.trace('rerank', attributes, () =>
    ranker.rank(rankCall(parts, { key, shortlist }, run)),
  );
}

/** The added hits as a list of their own, which is read like the first. */
function addedList<Request, Response>(
  { adapter }: Pick<StageParts<Request, Response>['settings'], 'adapter'>,
  plan: Plan<Request>,
  { plan: { addedHits = 0 }, added }: MergedSearch<Request, Response>,
): FirstList<Request, Response> {
  const own = { ...plan, rankWindowSize: addedHits, isSecondSearch: true as const };
  return { plan: own, response: added, shortlist: adapter.toShortlist(own, added) };
}

/** The list with added candidates behind; their scores are of another kind than those of the first search. */
function withAdded(first: Shortlist, { candidates }: Shortlist): Shortlist {
  const added = candidates.map(({ firstStageScore: _score, ...rest }): Candidate => rest);
  return { ...first, candidates: [...first.candidates, ...added] };
}

/** The list with the hits that a decision rests on; the list itself where those are the first search's alone. */
export function decidedList<Request, Response>(
  { settings }: Pick<StageParts<Request, Response>, 'settings'>,
  list: FirstList<Request, Response>,
  { secondSearch }: Pick<RankedDecision, 'secondSearch'>,
): FirstList<Request, Response> {
  const hits = secondSearch?.hits;
  if (!hits) return list;
  const { adapter } = settings;
  const merged = adapter.mergeSecondSearch!(list.plan, list.response, hits.added as Response);
  const shortlist = withAdded(list.shortlist, addedList(settings, list.plan, merged).shortlist);
  return { plan: merged.plan, response: merged.response, shortlist };
}

function faultOf(error: unknown): NonNullable<SecondSearchReport['error']> {
  const code = error instanceof BlockRankError ? error.code : 'other';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
