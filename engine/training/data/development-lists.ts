/** Lists to measure on: what a first stage found, as it found it. */
import type { TrainingList } from '../trainer/training-list.ts';
import { toDocument } from './training-lists.ts';
import type { TrainingSource } from './training-source.ts';

/**
 * A list for each query with a first stage's candidates: the first `rankWindowSize` of them that the corpus has, with scores and
 * gains, in the order of their ids, so that the order says nothing. Nothing is drawn and nothing is left out, so that a
 * measure of these lists is one of reranking. Queries without a relevant document among the judged ones, with fewer than
 * two candidates, or among the source's `leaked`, make none.
 *
 * @param rankWindowSize - Candidates of a list. @defaultValue 100
 */
export function developmentLists(
  source: TrainingSource & { readonly firstStage: NonNullable<TrainingSource['firstStage']> },
  queryIds: Iterable<string> = source.collection.qrels.keys(),
  rankWindowSize = 100,
): TrainingList[] {
  const { collection, firstStage, leaked } = source;
  return [...queryIds].flatMap((queryId) => {
    const isRelevant = [...(collection.qrels.get(queryId)?.values() ?? [])].some((gain) => gain > 0);
    const docIds = (firstStage.get(queryId) ?? [])
      .slice(0, rankWindowSize)
      .map(({ docId }) => docId)
      .filter((docId) => collection.documents.has(docId))
      .sort();
    if (!isRelevant || docIds.length < 2 || leaked?.has(queryId)) return [];
    return [
      {
        set: collection.name,
        queryId,
        query: collection.queries.get(queryId) ?? '',
        documents: docIds.map((docId) => toDocument(docId, queryId, source)),
      },
    ];
  });
}
