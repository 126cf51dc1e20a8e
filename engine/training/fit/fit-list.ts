/** Judged shortlists of a collection, as a fit reads them. */
import type { FirstStage, Shortlist } from '../../contract.ts';
import { type Collection, documentText } from '../../evaluation/collection.ts';
import { toShortlist } from '../../evaluation/evaluate-collection.ts';
import type { Run } from '../../evaluation/trec.ts';
import type { RelevantDocument } from '../../model/precedents-file.ts';
import type { TrainingList } from '../trainer/training-list.ts';

/** One judged query. */
export interface FitList {
  /** What is learnt from; one document is possible, and nothing is learnt from it. */
  readonly list: TrainingList;
  /** Query and candidates as the first stage found them, in the same order. */
  readonly shortlist: Shortlist;
  /** Gain of each candidate; 0 for those that nobody judged. */
  readonly gains: readonly number[];
  /** Gains of all judged documents, descending. */
  readonly ideal: readonly number[];
  /** All documents that are relevant for the query, whether the first stage found them or not. */
  readonly relevant: readonly RelevantDocument[];
}

/** Where {@link toFitLists} takes lists from. */
export interface FitSource {
  /** Documents, queries, judgements. */
  readonly collection: Collection;
  /** The first stage's run. */
  readonly candidates: Run;
  /** How it found them. */
  readonly firstStage: FirstStage;
  /** Candidates of a query. @defaultValue 100 */
  readonly rankWindowSize?: number;
}

/** Every judged query that has a relevant document, with its candidates, none where the first stage found nothing. */
export function toFitLists({
  collection,
  candidates,
  firstStage,
  rankWindowSize = 100,
}: FitSource): FitList[] {
  return [...collection.qrels].flatMap(([queryId, judged]) => {
    const ideal = [...(collection.idealQrels.get(queryId) ?? judged).values()].sort((a, b) => b - a);
    if (!ideal.some((gain) => gain > 0)) return [];
    const shortlist = toShortlist(queryId, { collection, candidates, firstStage, rankWindowSize });
    const gains = shortlist.candidates.map(({ docId }) => Math.max(0, judged.get(docId) ?? 0));
    const documents = shortlist.candidates.map(({ docId, text, firstStageScore }, i) => ({
      docId,
      text,
      ...(judged.has(docId) && { gain: gains[i]! }),
      ...(firstStageScore !== undefined && firstStage === 'lexical' && { firstStageScore }),
    }));
    const list = { set: collection.name, queryId, query: shortlist.query.text, documents };
    return [{ list, shortlist, gains, ideal, relevant: relevantOf(judged, collection) }];
  });
}

function relevantOf(judged: ReadonlyMap<string, number>, { documents }: Collection): FitList['relevant'] {
  return [...judged].flatMap(([docId, gain]) => {
    const document = documents.get(docId);
    return gain > 0 && document ? [{ docId, text: documentText(document), gain }] : [];
  });
}

/** Whether something can be learnt from a list: any order of one that is all relevant, or not at all, is as good as another. */
export const isInstructive = ({ gains }: FitList): boolean =>
  new Set(gains.map((gain) => gain > 0)).size === 2;
