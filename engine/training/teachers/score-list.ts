/** A reranker's logits of a list, computed once. */
import { createHash } from 'node:crypto';
import type { Reranker, Shortlist } from '../../contract.ts';
import { TrainingListError } from '../../errors.ts';
import { rankingFault } from '../../scores/ranking-fault.ts';
import type { TrainingDocument, TrainingList } from '../trainer/training-list.ts';
import type { ScoreStore } from './score-store.ts';

/** How lists are scored. */
export interface ScoringOptions {
  /** Where logits are kept and found again. @defaultValue nowhere */
  readonly store?: ScoreStore | undefined;
  /** Called after each list. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends the work, which then rejects with the signal's reason; what was scored is kept. */
  readonly signal?: AbortSignal | undefined;
}

/** What is scored. */
export type ScoredList = Pick<TrainingList, 'set' | 'queryId' | 'query' | 'documents'>;

/**
 * Logits of a list's documents, in their order.
 *
 * @throws QueryError when the model cannot read the query. @throws TrainingListError when the answer is no ranking of the
 * documents with finite logits.
 */
export async function scoreList(
  reranker: Reranker,
  list: ScoredList,
  { store, signal }: ScoringOptions,
): Promise<Float32Array> {
  const key = keyOf(reranker, list);
  const kept = store?.get(key);
  if (kept?.length === list.documents.length) return kept;
  const ranking = await reranker.rerank(toShortlist(list), signal ? { signal } : {});
  const fault = rankingFault(ranking, list.documents.length);
  if (fault) {
    throw new TrainingListError(list, {
      doing: `take the logits of "${reranker.info.name}"`,
      problem: `expected a ranking of ${list.documents.length} documents, and ${fault}`,
    });
  }
  const logits = new Float32Array(list.documents.length);
  for (const { index, logit } of ranking.candidates) logits[index] = logit;
  await store?.put(key, logits);
  return logits;
}

function toShortlist({ queryId, query, documents }: ScoredList): Shortlist {
  return {
    query: { queryId, text: query },
    firstStage: isScored(documents) ? 'lexical' : 'unknown',
    candidates: documents.map(({ docId, text, firstStageScore }) => ({
      docId,
      text,
      segments: [],
      ...(firstStageScore === undefined ? {} : { firstStageScore }),
    })),
  };
}

const isScored = (documents: readonly TrainingDocument[]): boolean =>
  documents.some(({ firstStageScore }) => firstStageScore !== undefined);

/** Everything that logits depend on: the reranker, the query, texts and first-stage scores in their order; no ids. */
function keyOf({ info }: Reranker, { query, documents }: ScoredList): string {
  const { name, encodingDigest, readoutDigest } = info;
  const read = documents.map(({ text, firstStageScore = null }) => [text, firstStageScore]);
  return createHash('sha256')
    .update(JSON.stringify([name, encodingDigest, readoutDigest, query, read]))
    .digest('hex');
}
