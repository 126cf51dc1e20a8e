/** The request of a client's transport, and a search in its parts. */
import type { JsonObject } from '../../adapters/search-body/index.ts';

/** A request to a transport, in both clients' own form. */
export interface TransportParams {
  /** HTTP method. */
  readonly method: string;
  /** Path, which may hold a query string. */
  readonly path: string;
  /** A search's body: an object, text, bytes, or a stream. */
  readonly body?: unknown;
  /** A multi-search's lines: a list of objects and texts, text, bytes, or a stream. */
  readonly bulkBody?: unknown;
  /** Parameters of the address: an object, or text. */
  readonly querystring?: unknown;
}

/** Parameters that put the search elsewhere than in the body. */
const unreadable = ['body', 'querystring', 'source', 'source_content_type'];

/** A search, in its parts. */
export interface SearchParts {
  /** The indices, joined by commas; absent for none. */
  readonly index: string | undefined;
  /** Parameters of the address. */
  readonly querystring: JsonObject;
  /** The body's properties. */
  readonly body: JsonObject;
}

/** Whether the parts hold the whole search, may be changed, and give an answer in JSON. */
export function isReadable({ querystring, body }: SearchParts): boolean {
  const isJson = (querystring['format'] ?? 'json') === 'json';
  // The servers apply both sorts, the address's last.
  const isSortedTwice = querystring['sort'] !== undefined && body['sort'] !== undefined;
  return isJson && !isSortedTwice && unreadable.every((name) => querystring[name] === undefined);
}

/** The call with other parts: all parameters in one object, and the body in its original form. */
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
    // Proxies between client and server may drop the body of a GET.
    ...(hadNone && body !== undefined && { method: 'POST' }),
  };
}
