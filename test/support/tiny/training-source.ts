/** A small made-up collection to learn from. */
import type { Collection } from '../../../engine/evaluation/collection.ts';
import type { Run } from '../../../engine/evaluation/trec.ts';

/** Parts of a collection, written short. */
export interface TinyCollection {
  /** Title and text by document id. */
  readonly documents: Readonly<Record<string, readonly [title: string, text: string]>>;
  /** Text by query id. */
  readonly queries: Readonly<Record<string, string>>;
  /** Relevance by document id, by query id. */
  readonly qrels: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The collection of its parts. */
export function tinyCollection({ documents, queries, qrels }: TinyCollection, name = 'tiny'): Collection {
  const judged = new Map(
    Object.entries(qrels).map(([queryId, gains]) => [queryId, new Map(Object.entries(gains))]),
  );
  return {
    name,
    documents: new Map(
      Object.entries(documents).map(([docId, [title, text]]) => [docId, { docId, title, text }]),
    ),
    queries: new Map(Object.entries(queries)),
    qrels: judged,
    idealQrels: judged,
  };
}

/** A run from document ids, best first, with scores 10, 9, 8 and so on. */
export const tinyRun = (entries: Readonly<Record<string, readonly string[]>>): Run =>
  new Map(
    Object.entries(entries).map(([queryId, docIds]) => [
      queryId,
      docIds.map((docId, i) => ({ docId, score: 10 - i })),
    ]),
  );
