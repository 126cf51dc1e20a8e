/** Reads searches, and writes them anew where the stage changed them. */
import type { IncomingMessage } from 'node:http';
import type { Plan } from '../../adapters/adapter.ts';
import { type JsonObject, type ReadObject, readObject, toBytes } from '../../adapters/search-body/index.ts';
import { indexIn } from '../middleware/index-patterns.ts';
import { markHeader } from './forward.ts';
import { endToEnd, valuesOf, without } from './headers.ts';
import type { WireSearch } from './proxy-adapter.ts';
import { canDecode, decoded } from './read-body.ts';
import { isJson, type SearchHead, searchHead } from './search-head.ts';
import type { TargetCall } from './target.ts';

/** A request to the cluster with its whole body. */
export interface WireCall extends TargetCall {
  /** The body, in full. */
  readonly body: Buffer;
}

/** A request for searches, as the proxy read it. */
export interface SearchRequest {
  /** Whether it is one search, or several. */
  readonly kind: 'search' | 'msearch';
  /** Its searches, in order. */
  readonly searches: readonly WireSearch[];
  /**
   * The request to send for the stage's plans; unchanged searches keep their bytes. The plans may be only some of
   * several searches.
   */
  toCall(plans: readonly Planned[]): WireCall;
  /** A request of the proxy's own on behalf of the same caller: its headers, and a body of JSON. */
  toOwn(path: string, body: JsonObject): WireCall;
}

/** A search, and the request that the stage planned for it. */
export type Planned = Pick<Plan<WireSearch>, 'request' | 'original'>;

/**
 * Reads a search; `undefined` for a search that must pass untouched.
 *
 * @param maxBytes - Bytes that its body may have, unpacked.
 */
export async function readSearch(
  request: IncomingMessage,
  body: Buffer,
  maxBytes: number,
): Promise<SearchRequest | undefined> {
  const head = searchHead(request);
  const plain = await decoded(body, request.headers['content-encoding'], maxBytes);
  const text = plain?.toString('latin1');
  if (!head || text === undefined) return undefined;
  const original = { request, head, body, text, hasBody: text.trim() !== '' };
  return head.kind === 'search' ? oneSearch(original) : severalSearches(original);
}

interface Original {
  readonly request: IncomingMessage;
  readonly head: SearchHead;
  /** The body, as it came. */
  readonly body: Buffer;
  /** The body unpacked, one character a byte. */
  readonly text: string;
  readonly hasBody: boolean;
}

function oneSearch(original: Original): SearchRequest | undefined {
  const { head, text, hasBody } = original;
  const read = hasBody ? readObject(text) : nothing;
  if (!read) return undefined;
  const search: WireSearch = { ...head.querystring, ...named(head.index), body: read.value };
  return {
    kind: 'search',
    searches: [search],
    toOwn: (path, own) => ownCall(original, path, own),
    toCall([plan]) {
      if (plan!.request === search) return callOf(original, original.body);
      const { index: _index, body, ...querystring } = plan!.request;
      return callOf(original, Buffer.from(read.respell(body), 'latin1'), querystring);
    },
  };
}

/** The body of a search that has none. */
const nothing: ReadObject = { value: {}, respell: toBytes };

function named(index: string | undefined): JsonObject {
  return index === undefined ? {} : { index };
}

function severalSearches(original: Original): SearchRequest | undefined {
  const { head, text } = original;
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const read = lines.map(readObject).filter((line) => line !== undefined);
  // Both servers refuse a last line without a line end, and a header without its search.
  const isWhole = text.endsWith('\n') && lines.length % 2 === 0;
  if (!isWhole || read.length < lines.length) return undefined;
  const searches = Array.from({ length: read.length / 2 }, (_, i): WireSearch => {
    const index = indexIn(read[2 * i]!.value) ?? head.index;
    return { ...named(index), body: read[2 * i + 1]!.value };
  });
  const linesOf = ({ request, original: search }: Planned): string => {
    const at = 2 * searches.indexOf(search);
    const header = read[at]!;
    return `${header.respell(header.value)}\n${read[at + 1]!.respell(request['body'])}\n`;
  };
  return {
    kind: 'msearch',
    searches,
    toOwn: (path, own) => ownCall(original, path, own),
    toCall(plans) {
      const isSame =
        plans.length === searches.length && plans.every(({ request }, i) => request === searches[i]);
      if (isSame) return callOf(original, original.body);
      return callOf(original, Buffer.from(plans.map(linesOf).join(''), 'latin1'));
    },
  };
}

/** The request with this body; with a new query string where `querystring` has fewer parameters than the address. */
function callOf(
  { request, head, body: old, hasBody }: Original,
  body: Buffer,
  querystring?: JsonObject,
): WireCall {
  const { path, query } = head;
  const pairs = query.split('&').filter((pair) => querystring === undefined || nameOf(pair) in querystring);
  const dropped = ['content-length', 'expect', 'trailer', markHeader, ...unreadableEncodings(request)];
  const kept = endToEnd(request.rawHeaders, dropped);
  const isSame = body === old;
  return {
    method: request.method!,
    path: query === '' ? path : [path, pairs.join('&')].filter((part) => part !== '').join('?'),
    headers: [
      ...(isSame ? kept : without(kept, ['content-encoding'])),
      ...(isSame || hasBody || hasType(request) ? [] : ['Content-Type', typeFor(request)]),
      ...(body.length > 0 || request.method === 'POST' ? ['Content-Length', String(body.length)] : []),
    ],
    body,
  };
}

function ownCall({ request }: Original, path: string, own: JsonObject): WireCall {
  const body = Buffer.from(JSON.stringify(own));
  const dropped = ['content-length', 'content-type', 'content-encoding', 'expect', 'trailer', markHeader];
  return {
    method: 'POST',
    path,
    headers: [
      ...endToEnd(request.rawHeaders, [...dropped, ...unreadableEncodings(request)]),
      'Content-Type',
      typeFor(request),
      'Content-Length',
      String(body.length),
    ],
    body,
  };
}

/** Headers to drop: the caller's wish for a compression that the proxy cannot unpack. */
function unreadableEncodings({ rawHeaders }: IncomingMessage): readonly string[] {
  const wanted = valuesOf(rawHeaders, 'accept-encoding').flatMap((value) => value.split(','));
  return wanted.every((one) => canDecode(one.replace(/;.*$/s, ''))) ? [] : ['accept-encoding'];
}

function hasType({ headers }: IncomingMessage): boolean {
  return headers['content-type'] !== undefined;
}

/**
 * The media type of a body that the proxy writes: Elasticsearch wants the same version named in both headers, or in
 * none.
 */
function typeFor({ headers: { accept = '' } }: IncomingMessage): string {
  return accept.includes('compatible-with') && isJson(accept) ? accept : 'application/json';
}

function nameOf(pair: string): string {
  return [...new URLSearchParams(pair).keys()][0] ?? '';
}
