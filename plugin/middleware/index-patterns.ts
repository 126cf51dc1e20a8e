/** Decides which searches are to be reranked, by their indices. */
import { isObject, type JsonObject, toPattern } from '../../adapters/search-body/index.ts';

/** Patterns for {@link isWanted}; `*` stands for any characters. */
export function toPatterns(indices: readonly string[]): readonly RegExp[] {
  return indices.map(toPattern);
}

/**
 * Whether a search of these indices is to be reranked.
 *
 * @param wish - The request's own wish: `true` or an object asks for reranking, whatever the index.
 * @param index - The indices as a path names them, joined by commas, decoded; a search without indices matches no
 * pattern.
 */
export function isWanted(patterns: readonly RegExp[], wish: unknown, index: string | undefined): boolean {
  if (wish === true || isObject(wish)) return true;
  // An exclusion (`products-*,-products-old`) adds no index.
  const names = (index ?? '').split(',').filter((name, i) => i === 0 || !name.startsWith('-'));
  return names.every((name) => name !== '' && patterns.some((pattern) => pattern.test(name)));
}

/** The indices that a header line of a multi-search names, joined by commas; `undefined` for none. Both servers read either name. */
export function indexIn(header: JsonObject): string | undefined {
  const named = [header['index'], header['indices']].filter((value) => value !== undefined);
  const isNamed = named.some((value) => typeof value === 'string' || Array.isArray(value));
  return isNamed ? named.flat().join(',') : undefined;
}
