/** A reranker's own order of a first stage's candidates: to mine hard documents from, and to find relevant ones among them. */
import type { Reranker } from '../../contract.ts';
import { QueryError } from '../../errors.ts';
import type { Run, RunEntry } from '../../evaluation/trec.ts';
import { toDocument } from '../data/training-lists.ts';
import type { TrainingSource } from '../data/training-source.ts';
import { type ScoringOptions, scoreList } from './score-list.ts';

/** Options of {@link scoreRun}. */
export interface ScoreRunOptions extends ScoringOptions {
  /** Candidates of a query, those of its first stage's front. @defaultValue 100 */
  readonly rankWindowSize?: number;
  /** Queries that are scored. @defaultValue all judged ones but the source's `leaked` */
  readonly queryIds?: readonly string[];
}

/**
 * Scores each query's candidates together with its relevant documents, best first: as `mined` of a source its front is hard
 * for the reranker, as `teacher` it says which unjudged documents the reranker puts at a relevant one or above. Queries that
 * the model cannot read, or without candidates, are left out.
 */
export async function scoreRun(
  reranker: Reranker,
  source: TrainingSource,
  options: ScoreRunOptions = {},
): Promise<Run> {
  const { collection, leaked } = source;
  const { onProgress, signal } = options;
  const queryIds =
    options.queryIds ?? [...collection.qrels.keys()].filter((queryId) => leaked?.has(queryId) !== true);
  const run = new Map<string, readonly RunEntry[]>();
  for (const [i, queryId] of queryIds.entries()) {
    signal?.throwIfAborted();
    const entries = await scoreQuery(reranker, queryId, source, options);
    if (entries) run.set(queryId, entries);
    onProgress?.(i + 1, queryIds.length);
  }
  return run;
}

async function scoreQuery(
  reranker: Reranker,
  queryId: string,
  source: TrainingSource,
  options: ScoreRunOptions,
): Promise<readonly RunEntry[] | undefined> {
  const { collection, firstStage, mined = [] } = source;
  const { rankWindowSize = 100, store, signal } = options;
  const found = [...(firstStage ? [firstStage] : []), ...mined].flatMap((run) =>
    (run.get(queryId) ?? []).slice(0, rankWindowSize).map(({ docId }) => docId),
  );
  const relevant = [...(collection.qrels.get(queryId) ?? [])]
    .filter(([, gain]) => gain > 0)
    .map(([docId]) => docId);
  const docIds = [...new Set([...found, ...relevant])].filter((docId) => collection.documents.has(docId));
  if (docIds.length === 0) return undefined;
  const documents = docIds.map((docId) => toDocument(docId, queryId, source));
  const list = { set: collection.name, queryId, query: collection.queries.get(queryId) ?? '', documents };
  try {
    const logits = await scoreList(reranker, list, { store, signal });
    return docIds.map((docId, i) => ({ docId, score: logits[i]! })).sort((a, b) => b.score - a.score);
  } catch (error) {
    if (error instanceof QueryError) return undefined;
    throw error;
  }
}
