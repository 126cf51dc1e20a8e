/** Retrievers that a report asks by itself: a first stage, and an encoder's anchors. */
import { buildEmbeddedIndex } from '../../../adapters/embedded/index.ts';
import { type NamedText, openReranker } from '../../../engine/index.ts';
import {
  type HierarchyRecall,
  products,
  type QueryDistances,
  type Run,
  readCandidates,
  runRecall,
  scorerRecall,
  seededRandom,
  shuffled,
} from '../../../engine/laboratory.ts';
import { wrongOption } from '../errors.ts';

/** What retrievers are to find. */
export interface Wanted {
  /** Distances of what each query is to find, by the categories' ids. */
  readonly distances: QueryDistances;
  /** The categories, which are the queries too. */
  readonly queries: readonly NamedText[];
}

/** What the report's options say about the retrievers. */
export interface AskedFlags {
  /** `--data` */
  readonly data?: string;
  /** `--cutoff` */
  readonly cutoff?: number;
  /** `--queries` */
  readonly queries: number;
}

/** At most so many things, drawn by a fixed seed. */
export function drawn<T>(things: readonly T[], most: number): readonly T[] {
  return shuffled(things, seededRandom(1)).slice(0, most);
}

/** Recall of a first stage by its name. @throws ConfigurationError for a name that is none. */
export async function candidatesRecall(
  name: string,
  wanted: Wanted,
  { data, cutoff, queries: most }: AskedFlags,
): Promise<HierarchyRecall> {
  if (name === 'embedded') {
    return runRecall(await embeddedRun(wanted, { cutoff, most }), wanted.distances, { cutoff });
  }
  if (data === undefined)
    throw wrongOption('--candidates', `"${name}" is a file of a collection: give --data`);
  return runRecall(await readCandidates(data, name), wanted.distances, { cutoff });
}

/** The embedded BM25 over the categories' words. A query that finds nothing is there, without a document. */
async function embeddedRun(
  { distances, queries }: Wanted,
  { cutoff, most }: { readonly cutoff: number | undefined; readonly most: number },
): Promise<Run> {
  const documents = queries.map(({ id, text }) => ({ docId: id, text }));
  const index = await buildEmbeddedIndex({ documents, fields: ['text'] });
  const asked = drawn(queries, most).filter(({ id }) => distances.has(id));
  return new Map(
    asked.map(({ id, text }) => {
      // One more than count: the query's own category may be taken out.
      const places = (cutoff ?? distances.get(id)!.size) + 1;
      const { matches } = index.search(text, places);
      return [id, matches.map(({ document, score }) => ({ docId: document.docId, score }))] as const;
    }),
  );
}

/**
 * Recall of an encoder whose query anchors search the anchors of the categories, as a vector index would.
 *
 * @param folder - A model folder; `default` is the model of the package.
 *
 * @throws ConfigurationError for a model whose documents have no anchors. @throws ModelFormatError for a folder that is none.
 */
export async function encoderRecall(
  folder: string,
  { distances, queries: nodes }: Wanted,
  { cutoff, queries: most }: AskedFlags,
): Promise<HierarchyRecall> {
  const reranker = await openReranker(folder === 'default' ? {} : { model: folder });
  try {
    const { anchors, readAnchor } = reranker;
    if (!anchors || !readAnchor) throw wrongOption('--encoder', `documents have no anchors in "${folder}"`);
    const listOf = (query: string, documents: readonly NamedText[]) => ({
      query: { text: query },
      firstStage: 'unknown' as const,
      candidates: documents.map(({ id, text }) => ({ docId: id, text, segments: [] })),
    });
    const { rows, width } = await anchors.call(reranker, listOf('', nodes));
    const asked = drawn(nodes, most).filter(({ id }) => distances.has(id));
    const vectors = new Map<string, Float32Array>();
    for (const { id, text } of asked) {
      vectors.set(id, (await readAnchor.call(reranker, listOf(text, []))).values);
    }
    const scoresOf = ({ id }: NamedText): Float32Array => products(rows, vectors.get(id)!, width);
    return scorerRecall({ nodes, scoresOf }, asked, distances, { cutoff });
  } finally {
    await reranker.close();
  }
}
