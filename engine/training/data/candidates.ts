/** Which documents of a source may compete with a query's relevant ones. */
import { documentText } from '../../evaluation/collection.ts';
import type { TrainingSource } from './training-source.ts';
import { hasAnswer, wordsOf } from './words.ts';

/** Documents that were found for a query and do not compete, by the reason. */
export interface DroppedCounts {
  /** Ids of judgements and runs that the corpus lacks. */
  unknown: number;
  /** Near duplicates of a document that is in the list. */
  duplicates: number;
  /** Documents that hold an answer, and nobody judged them. */
  answers: number;
  /** Documents that a teacher puts at a relevant one or above, and nobody judged them. */
  teacher: number;
}

/** Judged documents of one query. */
export interface JudgedDocuments {
  /** Documents with a gain above 0. */
  readonly relevant: readonly string[];
  /** Documents that were judged not to be relevant. */
  readonly rejected: readonly string[];
}

/** Looks documents up, and counts what it leaves out. */
export class Candidates {
  /** Documents that were left out so far. */
  readonly dropped: DroppedCounts = { unknown: 0, duplicates: 0, answers: 0, teacher: 0 };
  readonly #source: TrainingSource;
  readonly #words = new Map<string, string>();

  constructor(source: TrainingSource) {
    this.#source = source;
  }

  /** The judged documents that the corpus has, one of each group, relevant ones first. */
  judged(queryId: string): JudgedDocuments {
    const gains = this.#source.collection.qrels.get(queryId) ?? new Map<string, number>();
    const docIds = this.#known([...gains.keys()]);
    const taken = new Set<string>();
    return {
      relevant: this.#oneOfEach(
        docIds.filter((docId) => gains.get(docId)! > 0),
        taken,
      ),
      rejected: this.#oneOfEach(
        docIds.filter((docId) => gains.get(docId)! <= 0),
        taken,
      ),
    };
  }

  /**
   * Documents that runs found within `(skip, rankWindowSize]` and nobody judged, runs in turns, one of each group, without those
   * that may be relevant.
   */
  mined(
    queryId: string,
    { relevant, rejected }: JudgedDocuments,
    { skip, rankWindowSize }: { readonly skip: number; readonly rankWindowSize: number },
  ): string[] {
    const { firstStage, mined = [], collection } = this.#source;
    const runs = [...(firstStage ? [firstStage] : []), ...mined].map((run) =>
      (run.get(queryId) ?? []).slice(skip, rankWindowSize).map(({ docId }) => docId),
    );
    const judged = collection.qrels.get(queryId);
    const found = this.#known([...inTurns(runs)]).filter((docId) => judged?.has(docId) !== true);
    const taken = new Set([...relevant, ...rejected].map((docId) => this.#groupOf(docId)));
    return this.#oneOfEach(this.#unsuspected(queryId, relevant, found), taken);
  }

  #known(docIds: readonly string[]): string[] {
    const known = docIds.filter((docId) => this.#source.collection.documents.has(docId));
    this.dropped.unknown += docIds.length - known.length;
    return known;
  }

  #oneOfEach(docIds: readonly string[], taken: Set<string>): string[] {
    const own = docIds.filter((docId) => {
      const group = this.#groupOf(docId);
      const isFirst = !taken.has(group);
      taken.add(group);
      return isFirst;
    });
    this.dropped.duplicates += docIds.length - own.length;
    return own;
  }

  #unsuspected(queryId: string, relevant: readonly string[], found: readonly string[]): string[] {
    const answers = (this.#source.answers?.get(queryId) ?? []).map(wordsOf);
    const unanswered = found.filter(
      (docId) => !answers.some((each) => hasAnswer(this.#wordsOf(docId), each)),
    );
    this.dropped.answers += found.length - unanswered.length;
    const scores = new Map(this.#source.teacher?.get(queryId)?.map(({ docId, score }) => [docId, score]));
    const lowest = relevant.reduce(
      (least, docId) => Math.min(least, scores.get(docId) ?? least),
      Number.POSITIVE_INFINITY,
    );
    const below = unanswered.filter((docId) => !((scores.get(docId) ?? Number.NEGATIVE_INFINITY) >= lowest));
    this.dropped.teacher += unanswered.length - below.length;
    return below;
  }

  #groupOf(docId: string): string {
    return this.#source.groupOf ? this.#source.groupOf(docId) : this.#wordsOf(docId);
  }

  #wordsOf(docId: string): string {
    const known = this.#words.get(docId);
    if (known !== undefined) return known;
    const words = wordsOf(documentText(this.#source.collection.documents.get(docId)!));
    this.#words.set(docId, words);
    return words;
  }
}

/** The first of each list, then the second of each, each document once. */
function inTurns(lists: readonly (readonly string[])[]): Set<string> {
  const longest = lists.reduce((most, { length }) => Math.max(most, length), 0);
  const ordered = new Set<string>();
  for (let i = 0; i < longest; i += 1) for (const list of lists) if (i in list) ordered.add(list[i]!);
  return ordered;
}
