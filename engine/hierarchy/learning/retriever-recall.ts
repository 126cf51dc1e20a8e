/** Recall by distance of a run of any retriever, and of a trained hierarchy. */
import { ConfigurationError, TrecFormatError } from '../../errors.ts';
import type { Run } from '../../evaluation/trec.ts';
import { documentKey, type Hierarchy } from '../towers/hierarchy.ts';
import type { NamedText } from '../towers/tower.ts';
import { rankIn } from './measure-pair.ts';
import { type HierarchyRecall, recallByDistance } from './recall-by-distance.ts';
import { ancestors, type Taxonomy } from './taxonomy.ts';

/** What queries are to find: by query, distances by document id. */
export type QueryDistances = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** How retrievers are measured. */
export interface RetrieverRecallOptions {
  /** Places of an order that count. @defaultValue as many as the query is to find */
  readonly cutoff?: number | undefined;
  /** Whether queries that a run does not have count as not found; otherwise only its own are measured. @defaultValue false */
  readonly countsAbsent?: boolean | undefined;
}

/**
 * Distances of a taxonomy, by the categories' ids.
 *
 * @param hasOwn - Whether a category is to find itself, at distance 0.
 */
export function taxonomyDistances(taxonomy: Taxonomy, hasOwn: boolean): QueryDistances {
  const { nodes } = taxonomy;
  return new Map(
    ancestors(taxonomy).flatMap(({ documents, distances }, i) => {
      const found = Array.from(documents, (place, k) => [nodes[place]!.id, distances[k]!] as const);
      const wanted = found.filter(([, distance]) => hasOwn || distance > 0);
      return wanted.length > 0 ? [[nodes[i]!.id, new Map(wanted)] as const] : [];
    }),
  );
}

/** Parses a table of query-id, corpus-id and distance with a header row. @throws TrecFormatError for another line. */
export function parseDistances(text: string, path: string): QueryDistances {
  const found = new Map<string, Map<string, number>>();
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    if (raw.trim() === '' || (i === 0 && /^query/i.test(raw))) continue;
    const [query = '', document = '', value = ''] = raw.split('\t');
    const distance = Number(value);
    if (query === '' || document === '' || value === '' || !Number.isInteger(distance) || distance < 0) {
      throw new TrecFormatError({
        path,
        line: i + 1,
        text: raw,
        expected: 'query, document and a distance from 0',
      });
    }
    found.set(query, (found.get(query) ?? new Map<string, number>()).set(document, distance));
  }
  return found;
}

/**
 * Recall of a run. A query's id is that of its category, or `q` and that id, as collections of hierarchies have it; where a
 * category is not to find itself, it is taken out of its order.
 *
 * @throws ConfigurationError when no query of the run has distances.
 */
export function runRecall(
  run: Run,
  distances: QueryDistances,
  options: RetrieverRecallOptions = {},
): HierarchyRecall {
  const asked = options.countsAbsent ? [...distances.keys()] : [...run.keys()];
  const isKnown = (queryId: string): boolean => distances.has(queryId) || distances.has(categoryOf(queryId));
  const measured = asked.flatMap((queryId) => {
    const wanted = distances.get(queryId) ?? distances.get(categoryOf(queryId));
    if (!wanted) return [];
    const own = wanted.has(categoryOf(queryId)) ? undefined : categoryOf(queryId);
    const order = (run.get(queryId) ?? []).filter(({ docId }) => docId !== own);
    const ranks = new Map(order.map(({ docId }, i) => [docId, i + 1]));
    return [{ distances: wanted, rankOf: (docId: string) => ranks.get(docId) ?? Number.POSITIVE_INFINITY }];
  });
  if (measured.length > 0 && [...run.keys()].some(isKnown)) return recallByDistance(measured, options);
  const message = `none of its queries has a category: it has ids such as "${[...run.keys()][0]}", the hierarchy such as "${[...distances.keys()][0]}"`;
  throw new ConfigurationError('Cannot measure the run', [{ path: 'run', message }]);
}

const categoryOf = (queryId: string): string => queryId.replace(/^q/, '');

/** What gives every category a score for a query. */
export interface CategoryScorer {
  /** The categories. */
  readonly nodes: readonly NamedText[];
  /** A score a category, in the order of `nodes`, shape `[nodes]`; the larger, the earlier. */
  scoresOf(query: NamedText): Float32Array;
}

/**
 * Recall of what scores all categories. Where a category is not to find itself, it is taken out of its order.
 *
 * @param queries - The queries with their words, by the ids that distances have them by. Those without distances do not count.
 *
 * @throws ConfigurationError when no query has distances, or a document that is to be found has no score.
 */
export function scorerRecall(
  { nodes, scoresOf }: CategoryScorer,
  queries: readonly NamedText[],
  distances: QueryDistances,
  { cutoff }: RetrieverRecallOptions = {},
): HierarchyRecall {
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  const asked = queries.filter(({ id }) => distances.has(id));
  const lacking = asked
    .flatMap(({ id }) => [...distances.get(id)!.keys()])
    .find((docId) => !places.has(docId));
  if (asked.length === 0 || lacking !== undefined) {
    const message =
      lacking === undefined
        ? 'none of the queries has something to find'
        : `it was made for another taxonomy: it has no category "${lacking}"`;
    throw new ConfigurationError('Cannot measure the hierarchy', [{ path: 'model', message }]);
  }
  return recallByDistance(measuredBy(scoresOf, { asked, distances, places }), { cutoff });
}

/** Recall of a trained hierarchy over its own categories. @throws ConfigurationError see {@link scorerRecall}. */
export function hierarchyRecall(
  hierarchy: Hierarchy,
  queries: readonly NamedText[],
  distances: QueryDistances,
  options: RetrieverRecallOptions = {},
): HierarchyRecall {
  const scorer: CategoryScorer = {
    nodes: hierarchy.nodes,
    scoresOf(query) {
      const key = documentKey(hierarchy.queries, query);
      return hierarchy.scoresOf(hierarchy.embedNow([key]).rows);
    },
  };
  return scorerRecall(scorer, queries, distances, options);
}

interface Asked {
  readonly asked: readonly NamedText[];
  readonly distances: QueryDistances;
  readonly places: ReadonlyMap<string, number>;
}

function* measuredBy(scoresOf: CategoryScorer['scoresOf'], { asked, distances, places }: Asked) {
  for (const query of asked) {
    const wanted = distances.get(query.id)!;
    const scores = scoresOf(query);
    const own = wanted.has(query.id) ? undefined : places.get(query.id);
    if (own !== undefined) scores[own] = Number.NEGATIVE_INFINITY;
    yield { distances: wanted, rankOf: (docId: string) => rankIn(scores, places.get(docId)!) };
  }
}
