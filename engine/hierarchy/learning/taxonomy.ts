/** A taxonomy: categories, each below others; no category stands above itself. */
import { ConfigurationError, TrecFormatError } from '../../errors.ts';
import type { NamedText } from '../towers/tower.ts';
import type { MatchList } from './matches.ts';

/** Categories and what stands directly above each. */
export interface Taxonomy {
  /** The categories. */
  readonly nodes: readonly NamedText[];
  /** Of each category the places of its parents among `nodes`; without any at the top. */
  readonly parents: readonly (readonly number[])[];
}

/** An edge: who stands below whom. */
export interface TaxonomyEdge {
  /** Id of the lower one. */
  readonly child: string;
  /** Id of the higher one. */
  readonly parent: string;
}

/**
 * Parses a file of edges: child and parent between tabs, further columns unread; a first line that begins with `child` is
 * a header.
 *
 * @throws TrecFormatError for a line that is no edge. @throws ConfigurationError for a file without any.
 */
export function parseEdges(text: string, path: string): readonly TaxonomyEdge[] {
  const edges = text.split(/\r?\n/).flatMap((raw, i) => {
    if (raw.trim() === '') return [];
    const [child = '', parent = ''] = raw.split('\t').map((column) => column.trim());
    if (i === 0 && /^child\b/i.test(child)) return [];
    if (child !== '' && parent !== '') return [{ child, parent }];
    throw new TrecFormatError({
      path,
      line: i + 1,
      text: raw,
      expected: 'child and parent, a tab between them',
    });
  });
  if (edges.length === 0) throw problem(`"${path}" has no edges: give lines of child and parent`);
  return edges;
}

/**
 * A taxonomy of edges.
 *
 * @param nodes - The categories with their words. @defaultValue those that edges name, whose ids are their words
 *
 * @throws ConfigurationError for ids that no category has, for an id that two have, and for a circle, naming it.
 */
export function makeTaxonomy(
  edges: readonly TaxonomyEdge[],
  nodes: readonly NamedText[] = namedBy(edges),
): Taxonomy {
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  if (places.size < nodes.length) {
    const twice = nodes.find(({ id }, i) => places.get(id) !== i)!;
    throw problem(`two categories have the id "${twice.id}"`);
  }
  const unknown = edges.flatMap(({ child, parent }) => [child, parent]).filter((id) => !places.has(id));
  if (unknown.length > 0) {
    throw problem(`edges name ${new Set(unknown).size} ids that no category has, such as "${unknown[0]}"`);
  }
  const parents = nodes.map((): Set<number> => new Set());
  for (const { child, parent } of edges) parents[places.get(child)!]!.add(places.get(parent)!);
  const taxonomy = { nodes, parents: parents.map((each) => [...each]) };
  const circle = circleIn(taxonomy);
  if (circle)
    throw problem(`categories stand above themselves: ${circle.map((id) => `"${id}"`).join(' below ')}`);
  return taxonomy;
}

/** The part of a taxonomy at and below one category. @throws ConfigurationError when no category has the id. */
export function below({ nodes, parents }: Taxonomy, rootId: string): Taxonomy {
  const root = nodes.findIndex(({ id }) => id === rootId);
  if (root === -1) throw problem(`no category has the id "${rootId}" of the root`);
  const children = childrenOf(parents);
  const kept = new Set([root]);
  // A set that grows while it is walked: every descendant is reached once.
  for (const node of kept) for (const child of children[node]!) kept.add(child);
  const order = [...kept].sort((a, b) => a - b);
  const places = new Map(order.map((node, i) => [node, i]));
  return {
    nodes: order.map((node) => nodes[node]!),
    parents: order.map((node) =>
      node === root ? [] : parents[node]!.flatMap((parent) => places.get(parent) ?? []),
    ),
  };
}

/** Of each category: itself at distance 0, and everything above it by the fewest steps, near ones first. */
export function ancestors({ parents }: Pick<Taxonomy, 'parents'>): readonly MatchList[] {
  return parents.map((_, node) => {
    const distances = new Map([[node, 0]]);
    for (const [reached, distance] of distances) {
      for (const parent of parents[reached]!) {
        if (!distances.has(parent)) distances.set(parent, distance + 1);
      }
    }
    return { documents: Int32Array.from(distances.keys()), distances: Int32Array.from(distances.values()) };
  });
}

function childrenOf(parents: Taxonomy['parents']): readonly (readonly number[])[] {
  const children = parents.map((): number[] => []);
  for (const [child, above] of parents.entries()) {
    for (const parent of above) children[parent]!.push(child);
  }
  return children;
}

function namedBy(edges: readonly TaxonomyEdge[]): readonly NamedText[] {
  const ids = new Set(edges.flatMap(({ child, parent }) => [child, parent]));
  return [...ids].map((id) => ({ id, text: id }));
}

/** Ids along a circle, the first again at the end; `undefined` where there is none. */
function circleIn({ nodes, parents }: Taxonomy): readonly string[] | undefined {
  const left = parents.map(({ length }) => length);
  const children = childrenOf(parents);
  const free = left.flatMap((count, node) => (count === 0 ? [node] : []));
  for (const node of free) {
    for (const child of children[node]!) {
      left[child]! -= 1;
      if (left[child] === 0) free.push(child);
    }
  }
  if (free.length === nodes.length) return undefined;
  // What is left has a parent that is left too: going up ends where the way has been before.
  const way = [left.findIndex((count) => count > 0)];
  for (;;) {
    const next = parents[way.at(-1)!]!.find((parent) => left[parent]! > 0)!;
    const from = way.indexOf(next);
    way.push(next);
    if (from !== -1) return way.slice(from).map((node) => nodes[node]!.id);
  }
}

const problem = (message: string): ConfigurationError =>
  new ConfigurationError('Cannot read the taxonomy', [{ path: '', message }]);
