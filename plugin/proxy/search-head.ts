/** Tells from a request's head alone whether it is a search in JSON. */
import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../../adapters/search-body/index.ts';
import { searchTarget } from '../middleware/search-target.ts';
import { pathOf } from './forward.ts';
import { framingOf } from './headers.ts';

/** The head of a search. */
export interface SearchHead {
  /** Whether it is one search, or several. */
  readonly kind: 'search' | 'msearch';
  /** HTTP method. */
  readonly method: string;
  /** The path, as it came. */
  readonly path: string;
  /** The indices that the path names, decoded; absent for none. */
  readonly index: string | undefined;
  /** The query string, as it came. */
  readonly query: string;
  /** The parameters of the query string. */
  readonly querystring: JsonObject;
}

/** Parameters that put the search elsewhere than in the body, or forbid changing it. */
const unreadable = ['index', 'body', 'querystring', 'source', 'source_content_type', 'X-Amz-Signature'];

/** Reads a request's head; `undefined` when the head shows no search in JSON. */
export function searchHead(request: IncomingMessage): SearchHead | undefined {
  const { method = '', headers } = request;
  const { path, query } = partsOf(pathOf(request));
  const { kind, index } = searchTarget(path) ?? {};
  if (kind !== 'search' && kind !== 'msearch') return undefined;
  const type = headers['content-type'];
  // Without a type, the servers themselves refuse a body.
  const isTyped = type === undefined ? !hasBody(request) : isJson(type);
  const querystring = queryOf(query, kind);
  return isGetOrPost(request) && isTyped && querystring && acceptsJson(headers.accept) && !isSigned(request)
    ? { kind, method, path, index, query, querystring }
    : undefined;
}

/**
 * The indices that a search's address names, whatever its form; `undefined` when the address names none, or is of no
 * search.
 */
export function searchedIndex(request: IncomingMessage): string | undefined {
  const { path, query } = partsOf(pathOf(request));
  const target = isGetOrPost(request) ? searchTarget(path) : undefined;
  // Both servers read the index from the parameters where the path names none.
  return target && (target.index ?? new URLSearchParams(query).get('index') ?? undefined);
}

function isGetOrPost({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'POST';
}

/** Whether AWS signed the request. The signature covers the body: AWS would refuse a rewritten search with 403. */
function isSigned({ headers: { authorization = '' } }: IncomingMessage): boolean {
  return authorization.startsWith('AWS4-');
}

function hasBody(request: IncomingMessage): boolean {
  return framingOf(request).length > 0 && request.headers['content-length'] !== '0';
}

function partsOf(url: string): { readonly path: string; readonly query: string } {
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** The parameters by name; `undefined` when a parameter comes twice, or forbids reading the search. */
function queryOf(query: string, kind: SearchHead['kind']): JsonObject | undefined {
  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  // A plan sees the parameters of a single search; in a multi-search it would not see that a parameter leaves parts
  // out.
  const excluded = kind === 'msearch' ? [...unreadable, 'filter_path'] : unreadable;
  const isReadable = !names.some((name) => excluded.includes(name)) && new Set(names).size === names.length;
  const format = parameters.get('format') ?? 'json';
  return isReadable && format === 'json' ? Object.fromEntries(parameters) : undefined;
}

const jsonTypes =
  /^application\/(vnd\.(elasticsearch|opensearch)\+)?(x-nd)?json(\s*;\s*(compatible-with=\d+|charset="?utf-?8"?))*$/i;

/** Whether a media type is JSON, or lines of it. */
export function isJson(type: string): boolean {
  return jsonTypes.test(type.trim());
}

/** Forms other than JSON that both servers write on request. */
const otherForms = /\b(yaml|cbor|smile)\b/i;

/** Whether the answer will be JSON: browsers and HTTP clients name much (`application/json, text/plain, *\/*`), and get JSON. */
function acceptsJson(accept = '*/*'): boolean {
  return !otherForms.test(accept);
}
