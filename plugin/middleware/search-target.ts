/** Reads what a path asks for, in every spelling that both servers take. */

/** A search, by its path. */
export interface SearchTarget {
  /** One search, several, or one in a form that only the servers read: by a template, or asynchronous. */
  readonly kind: 'search' | 'msearch' | 'other';
  /** The indices that the path names, decoded; absent where it names none. */
  readonly index?: string;
}

const kinds: Readonly<Record<string, SearchTarget['kind']>> = {
  _search: 'search',
  _msearch: 'msearch',
  '_search/template': 'other',
  '_msearch/template': 'other',
  _async_search: 'other',
};

/**
 * Reads a path without its query string; `undefined` when the path is of no search. Both servers split a path at its
 * slashes, drop empty parts at its end, and decode the part of the index, but not the names of their own routes:
 * `/a%2Cb/_search//` is a search of `a,b`, and `/a/%5Fsearch` none. Source: `PathTrie.retrieve` of OpenSearch and
 * Elasticsearch.
 */
export function searchTarget(path: string): SearchTarget | undefined {
  const parts = path.replace(/^\//, '').replace(/\/+$/, '').split('/');
  const [first = '', ...rest] = parts;
  if (Object.hasOwn(kinds, parts.join('/'))) return { kind: kinds[parts.join('/')]! };
  if (first.startsWith('_') && first !== '_all') return undefined;
  // Before 8.0 a type stood between index and route; clients in compatibility mode still write it.
  const isTyped = rest.length === 2 && rest[0] !== '' && (rest[1] === '_search' || rest[1] === '_msearch');
  const kind = isTyped ? 'other' : own(rest.join('/'));
  const index = decoded(first);
  if (kind === undefined || index === undefined) return undefined;
  return index === '' ? { kind } : { kind, index };
}

function own(name: string): SearchTarget['kind'] | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // The server judges such a name and says what is wrong with it.
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
