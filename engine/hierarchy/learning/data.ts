/** Training data of a hierarchy: from a taxonomy alone, or from a log of queries and the categories that answered them. */
import { ConfigurationError, TrecFormatError } from '../../errors.ts';
import type { NamedText } from '../towers/tower.ts';
import type { MatchList } from './matches.ts';
import { ancestors, makeTaxonomy, type Taxonomy } from './taxonomy.ts';

/** What is trained on. */
export interface HierarchyData {
  /** The documents: the categories. */
  readonly documents: readonly NamedText[];
  /** The queries. */
  readonly queries: readonly NamedText[];
  /** What each query is to find. */
  readonly matches: readonly MatchList[];
}

/** A line of a log. */
export interface LogPair {
  /** The query's text. */
  readonly query: string;
  /** Id of the category that answered it. */
  readonly category: string;
}

/** Every category is a document, and a query that is to find itself and everything above it. */
export function taxonomyData(taxonomy: Taxonomy): HierarchyData {
  return { documents: taxonomy.nodes, queries: taxonomy.nodes, matches: ancestors(taxonomy) };
}

/**
 * Each query of a log is to find its categories, at distance 0, and what stands above them in the taxonomy, whose
 * categories are queries too.
 *
 * @param taxonomy - The categories. @defaultValue those of the log, with nothing above them, which are no queries
 *
 * @throws ConfigurationError for categories that the taxonomy does not have.
 */
export function logData(log: readonly LogPair[], taxonomy?: Taxonomy): HierarchyData {
  const own = taxonomy ?? makeTaxonomy([], categoriesOf(log));
  const places = new Map(own.nodes.map(({ id }, i) => [id, i]));
  const unknown = log.filter(({ category }) => !places.has(category));
  if (unknown.length > 0) {
    const { query, category } = unknown[0]!;
    const message = `${unknown.length} lines of the log name categories that the taxonomy does not have, such as "${category}" of "${query}"`;
    throw new ConfigurationError('Cannot read the log', [{ path: '', message }]);
  }
  const above = ancestors(own);
  const byQuery = new Map<string, Set<number>>();
  for (const { query, category } of log) {
    const found = byQuery.get(query) ?? new Set();
    byQuery.set(query, found.add(places.get(category)!));
  }
  const asked = [...byQuery.keys()].map((text): NamedText => ({ id: `log:${text}`, text }));
  const matches = [...byQuery.values()].map((categories) => united([...categories].map((i) => above[i]!)));
  if (!taxonomy) return { documents: own.nodes, queries: asked, matches };
  return { documents: own.nodes, queries: [...own.nodes, ...asked], matches: [...above, ...matches] };
}

/**
 * Parses a log: query and category between tabs, further columns unread; a first line that begins with `query` is a header.
 *
 * @throws TrecFormatError for another line. @throws ConfigurationError for a file without any.
 */
export function parseLog(text: string, path: string): readonly LogPair[] {
  const pairs = text.split(/\r?\n/).flatMap((raw, i) => {
    if (raw.trim() === '') return [];
    const [query = '', category = ''] = raw.split('\t').map((column) => column.trim());
    if (i === 0 && /^query\b/i.test(query)) return [];
    if (query !== '' && category !== '') return [{ query, category }];
    throw new TrecFormatError({
      path,
      line: i + 1,
      text: raw,
      expected: 'query and category, a tab between them',
    });
  });
  if (pairs.length > 0) return pairs;
  const message = `"${path}" has no lines of query and category`;
  throw new ConfigurationError('Cannot read the log', [{ path: '', message }]);
}

function categoriesOf(log: readonly LogPair[]): readonly NamedText[] {
  return [...new Set(log.map(({ category }) => category))].map((id) => ({ id, text: id }));
}

/** All documents of some lists, each by its fewest steps. */
function united(lists: readonly MatchList[]): MatchList {
  const least = new Map<number, number>();
  for (const { documents, distances } of lists) {
    for (let i = 0; i < documents.length; i += 1) {
      const [document, distance] = [documents[i]!, distances[i]!];
      least.set(document, Math.min(distance, least.get(document) ?? distance));
    }
  }
  return { documents: Int32Array.from(least.keys()), distances: Int32Array.from(least.values()) };
}
