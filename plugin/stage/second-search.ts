/**
 * Searches a ranked list once more, by the query's anchor after it has read the list, and ranks what is new together with
 * the list. Whatever goes wrong, the list stays as it was ranked before. The server is asked for every caller: only it
 * knows what that caller may see, and what that caller's request keeps out.
 */
import type { MergedSearch, Plan, SecondSearchReport } from '../../adapters/adapter.ts';
import { BlockRankError, type Candidate, type ReadAnchor, type Shortlist } from '../../engine/index.ts';
import { listKey } from './list-key.ts';
import { withStates } from './list-states.ts';
import type { RunningSearch, StageParts } from './parts.ts';
import { rankList } from './rank-call.ts';
import { isExplainedFor, type RankedDecision } from './ranking-memory.ts';
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

/** A list that may be served, and its order. */
interface Served<Request, Response> {
  readonly list: FirstList<Request, Response>;
  readonly decision: RankedDecision;
  /** Whether the order was there already. */
  readonly isRemembered: boolean;
}

/** What a second search gives: nothing to serve without hits of its own. */
interface Result<Request, Response> {
  readonly finding: Finding;
  readonly anchor?: ReadAnchor;
  readonly merged?: Served<Request, Response>;
}

/** What comes of searching a list again. */
export interface SearchedAgain<Request, Response> {
  /**
   * The decision to remember about the first list, without this caller's hits and without the server's words: they are
   * nobody else's business.
   */
  readonly kept: RankedDecision;
  /** The list that this caller gets: with the hits that the second search added, where it added some. */
  readonly served: Omit<Served<Request, Response>, 'isRemembered'>;
  /** Whether the order of that list was there already; absent where it is the first list. */
  readonly isRemembered?: boolean;
}

const nothing: Finding = { read: 0, found: 0, added: 0 };

/**
 * Searches again; the list stays as it is where nothing new was found, or something went wrong.
 *
 * @param list - With its block states, unless `first` has the anchor already.
 */
export async function searchAgain<Request, Response>(
  parts: StageParts<Request, Response>,
  list: FirstList<Request, Response>,
  first: RankedDecision,
  run: RunningSearch<Request, Response>,
): Promise<SearchedAgain<Request, Response>> {
  const wanted = run.wish.secondSearch;
  if (!wanted) return { kept: first, served: { list, decision: first } };
  const { now } = parts.settings;
  const startedMs = now();
  const known = first.secondSearch?.anchor;
  const search = { list, wanted, ...(known && { known }) };
  const { finding, anchor, merged } = await tried(parts, run, () => findMore(parts, search, run));
  const report = { ...finding, tookMs: now() - startedMs };
  const { error: _error, ...told } = report;
  const kept = { ...first, secondSearch: { report: told, ...(anchor && { anchor }) } };
  const decision = { ...(merged?.decision ?? first), secondSearch: { report } };
  if (!merged) return { kept, served: { list, decision } };
  return { kept, served: { list: merged.list, decision }, isRemembered: merged.isRemembered };
}

/** What a second search gives, or why it gives nothing. @throws the caller's own reason once the caller has given up */
async function tried<Request, Response>(
  { settings, events, source }: StageParts<Request, Response>,
  { budget }: RunningSearch<Request, Response>,
  search: () => Promise<Result<Request, Response>>,
): Promise<Result<Request, Response>> {
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

interface Search<Request, Response> {
  readonly list: FirstList<Request, Response>;
  readonly wanted: SecondSearchSettings;
  /** The anchor, where an earlier search of the same list has read it. */
  readonly known?: ReadAnchor;
}

async function findMore<Request, Response>(
  parts: StageParts<Request, Response>,
  { list, wanted: { k, field }, known }: Search<Request, Response>,
  run: RunningSearch<Request, Response>,
): Promise<Result<Request, Response>> {
  const { adapter, reranker } = parts.settings;
  const { plan, response, shortlist } = list;
  const { signal } = run.budget;
  const anchor = known ?? (await reranker.readAnchor!(shortlist, { signal }));
  const { values, read } = anchor;
  if (read === 0) return { finding: { ...nothing, reason: 'unread' } };
  const second = adapter.planSecondSearch!(plan, { vector: [...values], k, field });
  if (typeof second === 'string') return { finding: { ...nothing, read, reason: second }, anchor };
  const answer = await run.send(second, { signal });
  const merged = adapter.mergeSecondSearch!(plan, response, answer);
  const { addedHits: added = 0 } = merged.plan;
  const finding = { read, found: merged.found, added };
  if (added === 0) return { finding, anchor };
  return { finding, anchor, merged: await rankMerged(parts, list, merged, run) };
}

/** The merged list in its order: that of an earlier search with the very same hits, where there was one. */
async function rankMerged<Request, Response>(
  parts: StageParts<Request, Response>,
  { plan, shortlist: first }: FirstList<Request, Response>,
  merged: MergedSearch<Request, Response>,
  run: RunningSearch<Request, Response>,
): Promise<Served<Request, Response>> {
  const { settings, memory } = parts;
  const added = addedList(settings, plan, merged);
  const whole = withAdded(first, added.shortlist);
  const list = { plan: merged.plan, response: merged.response, shortlist: whole };
  const key = `merged ${listKey(whole, settings.reranker.info)}`;
  const { from } = plan.page;
  const bound = memory.binding(key, from);
  if (bound?.kind === 'ranked' && isExplainedFor(bound, run.wish)) {
    return { list, decision: bound, isRemembered: true };
  }
  const shortlist = withAdded(first, await withStates(parts, added, run));
  run.budget.enter('rerank');
  const own = await rankList(parts, { key, shortlist }, run);
  const settled = memory.settle(key, from, own);
  const isRemembered = settled.kind === 'ranked' && settled !== own;
  return { list, decision: isRemembered ? settled : own, isRemembered };
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

function faultOf(error: unknown): NonNullable<SecondSearchReport['error']> {
  const code = error instanceof BlockRankError ? error.code : 'other';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
