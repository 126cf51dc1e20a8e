/** Training lists from a collection: relevant documents among those that are hard to tell from them. */
import { ConfigurationError } from '../../errors.ts';
import { documentText } from '../../evaluation/collection.ts';
import { shuffled } from '../../evaluation/random.ts';
import type { TrainingDocument, TrainingList } from '../trainer/training-list.ts';
import { Candidates, type DroppedCounts, type JudgedDocuments } from './candidates.ts';
import { namedRandom } from './seeds.ts';
import type { TrainingSource } from './training-source.ts';

/** How lists are drawn. */
export interface DrawOptions {
  /** Documents of a list, at most. @defaultValue 16 */
  readonly documents?: number;
  /** Relevant documents of a list, at most; the others of its query are not in it. @defaultValue half of `documents` */
  readonly relevant?: number;
  /** Places of a run that documents are drawn from: those behind `skip`, up to `rankWindowSize`. @defaultValue 100 */
  readonly rankWindowSize?: number;
  /** Places at the front of a run that are not drawn from. @defaultValue 0 */
  readonly skip?: number;
  /** Documents of a list that are drawn from the whole corpus. @defaultValue 0 */
  readonly random?: number;
  /** Share of documents that lose their title, in [0, 1]; a document that has no text keeps it. @defaultValue 0 */
  readonly untitled?: number;
  /**
   * Share of documents of which only a run of 3 to 45 words is read, from anywhere in the text, in [0, 1]; for goals that hold for
   * any text, such as another model's states. @defaultValue 0
   */
  readonly spans?: number;
  /** The same seed and source give the same lists. @defaultValue 0 */
  readonly seed?: number;
}

/** What became of a source's judged queries. */
export interface DrawReport {
  /** Name of the collection. */
  readonly set: string;
  /** Queries that became a list. */
  readonly lists: number;
  /** Queries that did not, by the reason. */
  readonly leftOut: LeftOut;
  /** Documents that do not compete, by the reason. */
  readonly dropped: Readonly<DroppedCounts>;
}

/** Queries without a list. */
export interface LeftOut {
  /** They are among the source's `leaked`. */
  readonly leaked: number;
  /** They have no text. */
  readonly withoutText: number;
  /** No document that the corpus has is relevant. */
  readonly withoutRelevant: number;
  /** Nothing competes with the relevant documents: nobody judged one to be irrelevant, and no run found one. */
  readonly oneSided: number;
}

/** Lists, and what became of the other queries. */
export interface DrawnLists {
  /** In the order of the judgements; their documents are shuffled. */
  readonly lists: readonly TrainingList[];
  /** Counts. */
  readonly report: DrawReport;
}

type Drawing = Required<DrawOptions>;

/**
 * Draws a list for each judged query: relevant documents, then those judged not to be, then hard ones that runs found, which
 * have no gain, then random ones, in random order. A query's draw depends on the seed and the query alone.
 *
 * @param queryIds - Queries that make lists. @defaultValue all judged ones
 * @throws RangeError for options that no list can follow. @throws ConfigurationError when no query makes a list, with the
 * count of each reason.
 */
export function drawLists(
  source: TrainingSource,
  options: DrawOptions = {},
  queryIds: Iterable<string> = source.collection.qrels.keys(),
): DrawnLists {
  const drawing = withDefaults(options);
  const candidates = new Candidates(source);
  const leftOut = { leaked: 0, withoutText: 0, withoutRelevant: 0, oneSided: 0 };
  const lists: TrainingList[] = [];
  for (const queryId of queryIds) {
    const drawn = drawList(queryId, { source, candidates, drawing });
    if (typeof drawn === 'string') leftOut[drawn] += 1;
    else lists.push(drawn);
  }
  const report = { set: source.collection.name, lists: lists.length, leftOut, dropped: candidates.dropped };
  if (lists.length === 0) throw noLists(report);
  return { lists, report };
}

function withDefaults(options: DrawOptions): Drawing {
  const documents = options.documents ?? 16;
  const drawing = {
    documents,
    relevant: Math.floor(documents / 2),
    rankWindowSize: 100,
    skip: 0,
    random: 0,
    untitled: 0,
    spans: 0,
    seed: 0,
    ...options,
  };
  const { relevant, random } = drawing;
  if (!(documents >= 2 && relevant >= 1 && relevant < documents && random >= 0 && random <= documents - 1)) {
    throw new RangeError(
      `drawLists: expected at least 2 documents, of them 1 to ${documents - 1} relevant and up to ${documents - 1} random ones, got ${documents}, ${relevant} and ${random}.`,
    );
  }
  return drawing;
}

interface Draw {
  readonly source: TrainingSource;
  readonly candidates: Candidates;
  readonly drawing: Drawing;
}

function drawList(queryId: string, draw: Draw): TrainingList | keyof LeftOut {
  const { source, candidates, drawing } = draw;
  const query = source.collection.queries.get(queryId) ?? '';
  if (source.leaked?.has(queryId)) return 'leaked';
  if (query.trim() === '') return 'withoutText';
  const judged = candidates.judged(queryId);
  if (judged.relevant.length === 0) return 'withoutRelevant';
  const random = namedRandom(drawing.seed, source.collection.name, queryId);
  const relevant = shuffled(judged.relevant, random).slice(0, drawing.relevant);
  const others = competitors(queryId, judged, drawing.documents - relevant.length, { ...draw, random });
  if (others.length === 0) return 'oneSided';
  const docIds = shuffled([...relevant, ...others], random);
  return {
    set: source.collection.name,
    queryId,
    query,
    documents: docIds.map((docId) => {
      const document = toDocument(docId, queryId, source, random() < drawing.untitled);
      const isSpan = drawing.spans > 0 && random() < drawing.spans;
      return isSpan ? { ...document, text: spanOf(document.text, random) } : document;
    }),
  };
}

/** Words of a span. */
const spanWords = { least: 3, most: 45 };

/** A run of words from anywhere in a text. */
function spanOf(text: string, random: () => number): string {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const count = spanWords.least + Math.floor(random() * (spanWords.most - spanWords.least + 1));
  const start = Math.floor(random() * Math.max(1, words.length - count + 1));
  return words.slice(start, start + count).join(' ');
}

/** Judged ones first: people said that they are not relevant. */
function competitors(
  queryId: string,
  judged: JudgedDocuments,
  count: number,
  { source, candidates, drawing, random }: Draw & { readonly random: () => number },
): string[] {
  const hard = count - Math.min(drawing.random, count);
  const rejected = shuffled(judged.rejected, random);
  const mined = shuffled(candidates.mined(queryId, judged, drawing), random);
  const chosen = [...rejected, ...mined].slice(0, hard);
  const known = new Set([...judged.relevant, ...judged.rejected, ...mined]);
  const all = drawing.random > 0 ? [...source.collection.documents.keys()] : [];
  for (let left = count - hard, tries = 10 * left; left > 0 && tries > 0; tries -= 1) {
    const docId = all[Math.floor(random() * all.length)]!;
    if (known.has(docId) || source.collection.qrels.get(queryId)?.has(docId)) continue;
    known.add(docId);
    chosen.push(docId);
    left -= 1;
  }
  return chosen;
}

/** A document as lists hold it. @param isUntitled - Whether its title is left out. */
export function toDocument(
  docId: string,
  queryId: string,
  { collection, firstStage }: Pick<TrainingSource, 'collection' | 'firstStage'>,
  isUntitled = false,
): TrainingDocument {
  const document = collection.documents.get(docId)!;
  const gain = collection.qrels.get(queryId)?.get(docId);
  const score = firstStage?.get(queryId)?.find((entry) => entry.docId === docId)?.score;
  return {
    docId,
    text: isUntitled && document.text !== '' ? document.text : documentText(document),
    ...(gain === undefined ? {} : { gain: Math.max(0, gain) }),
    ...(score === undefined ? {} : { firstStageScore: score }),
  };
}

function noLists({ set, leftOut }: DrawReport): ConfigurationError {
  const reasons: Record<keyof LeftOut, string> = {
    leaked: 'are among those to leave out',
    withoutText: 'have no text',
    withoutRelevant: 'have no relevant document in the corpus',
    oneSided:
      'have nothing to compare with their relevant documents: give irrelevant ones, or candidates to mine from',
  };
  const counted = Object.entries(leftOut)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reasons[reason as keyof LeftOut]}`);
  const message = `expected judged queries to learn from; ${counted.length > 0 ? counted.join('; ') : 'there are none'}`;
  return new ConfigurationError(`Cannot make training lists of "${set}"`, [{ path: 'qrels.tsv', message }]);
}
