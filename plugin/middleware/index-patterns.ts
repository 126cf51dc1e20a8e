/** Which indices' searches are to be reranked. */
import { isObject, type JsonObject, toPattern } from '../../adapters/search-body/index.ts';

/** What {@link isWanted} looks at; `*` stands for any characters. */
export function toPatterns(indices: readonly string[]): readonly RegExp[] {
  return indices.map(toPattern);
}

/**
 * Whether a search of these indices is to be reranked.
 *
 * @param wish - What the request itself asks for: `true` or an object for reranking, whatever the index is called.
 * @param index - As a path names them, joined by commas, decoded; a search that names none is of no pattern.
 */
export function isWanted(patterns: readonly RegExp[], wish: unknown, index: string | undefined): boolean {
  if (wish === true || isObject(wish)) return true;
  // What is taken away again (`products-*,-products-old`) adds no index.
  const names = (index ?? '').split(',').filter((name, i) => i === 0 || !name.startsWith('-'));
  return names.every((name) => name !== '' && patterns.some((pattern) => pattern.test(name)));
}

/** The indices that a header line of a multi-search names, joined by commas; `undefined` for none. Both servers read either name. */
export function indexIn(header: JsonObject): string | undefined {
  const named = [header['index'], header['indices']].filter((value) => value !== undefined);
  const isNamed = named.some((value) => typeof value === 'string' || Array.isArray(value));
  return isNamed ? named.flat().join(',') : undefined;
}
