/** What a client's transport is asked to send, and a search in its parts. */
import type { JsonObject } from '../../adapters/search-body/index.ts';

/** What a transport is asked to send; both clients' own form. */
export interface TransportParams {
  /** HTTP method. */
  readonly method: string;
  /** Path; it may hold a query string. */
  readonly path: string;
  /** A search's body: an object, text, bytes, or a stream. */
  readonly body?: unknown;
  /** A multi-search's lines: a list of objects and texts, text, bytes, or a stream. */
  readonly bulkBody?: unknown;
  /** Parameters of the address: an object, or text. */
  readonly querystring?: unknown;
}

/** Parameters under which the search does not stand where it is read. */
const unreadable = ['body', 'querystring', 'source', 'source_content_type'];

/** A search, in its parts. */
export interface SearchParts {
  /** The indices, joined by commas; absent for none. */
  readonly index: string | undefined;
  /** Parameters of the address. */
  readonly querystring: JsonObject;
  /** What stands in the body. */
  readonly body: JsonObject;
}

/** Whether the parts say all that is searched for, in a way that can be changed, and the answer will be JSON. */
export function isReadable({ querystring, body }: SearchParts): boolean {
  const isJson = (querystring['format'] ?? 'json') === 'json';
  // The servers sort by both, the address last.
  const isSortedTwice = querystring['sort'] !== undefined && body['sort'] !== undefined;
  return isJson && !isSortedTwice && unreadable.every((name) => querystring[name] === undefined);
}

/** The call with other parts: all parameters in one place, the body in the form that it had. */
export function withParts(
  params: TransportParams,
  path: string,
  { querystring, body }: { readonly querystring: JsonObject; readonly body: unknown },
): TransportParams {
  const { body: old, ...rest } = params;
  const hadNone = old === undefined || old === null || old === '';
  return {
    ...rest,
    path,
    querystring,
    ...(body !== undefined && { body }),
    // What stands between may take the body from a GET.
    ...(hadNone && body !== undefined && { method: 'POST' }),
  };
}
