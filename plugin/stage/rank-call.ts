/** Ranks one list within a search's time. */
import type { Shortlist } from '../../engine/index.ts';
import type { RunningSearch, StageParts } from './parts.ts';
import type { RankCall } from './ranker.ts';
import type { RankedDecision } from './ranking-memory.ts';
import { wantsMasses } from './search-options.ts';

/** A shortlist and its name. */
export interface NamedList {
  /** See `listKey`. */
  readonly key: string;
  /** The shortlist. */
  readonly shortlist: Shortlist;
}

/** The order of a list, from the ranker, in the time that is left. */
export async function rankList<Request, Response>(
  parts: StageParts<Request, Response>,
  list: NamedList,
  run: RunningSearch<Request, Response>,
): Promise<RankedDecision> {
  const { settings, ranker, source } = parts;
  const call = rankCall(parts, list, run);
  const attributes = { ...source, candidates: list.shortlist.candidates.length };
  const ranking = await settings.tracing.trace('rerank', attributes, () => ranker.rank(call));
  return { kind: 'ranked', ranking, isExplained: call.explain };
}

function rankCall<Request, Response>(
  { settings }: Pick<StageParts<Request, Response>, 'settings'>,
  { key, shortlist }: NamedList,
  run: RunningSearch<Request, Response>,
): RankCall {
  const explain = wantsMasses(run.wish);
  return { key: timedKey(key, run), shortlist, explain, ...readingTime(settings, run) };
}

type Timed = Pick<RunningSearch<unknown, unknown>, 'budget'>;

/** The name of a call for a list: calls with unlike deadlines read unlike parts of it. */
function timedKey(key: string, { budget: { deadlineMs } }: Timed): string {
  return deadlineMs === Number.POSITIVE_INFINITY ? key : `${deadlineMs} ${key}`;
}

function readingTime(
  { readingShare }: { readonly readingShare: number | false },
  { budget }: Timed,
): Pick<RankCall, 'signal' | 'readWithinMs'> {
  const { signal } = budget;
  const leftMs = budget.leftMs();
  if (readingShare === false || leftMs === Number.POSITIVE_INFINITY) return { signal };
  return { signal, readWithinMs: readingShare * leftMs };
}
