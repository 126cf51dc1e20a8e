/** Reads the searches that may be reranked, and writes them again where the stage changed them. */
import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject } from '../../adapters/search-body/index.ts';
import type { TransportParams } from '../middleware/rerank-calls.ts';
import { markHeader } from './forward.ts';
import { endToEnd, valuesOf, without } from './headers.ts';
import { fromBytes, membersOf, startOfValue, toBytes } from './json-text.ts';
import { canDecode, decoded } from './read-body.ts';
import { respell } from './respell.ts';
import { isJson, type SearchHead, searchHead } from './search-head.ts';
import type { TargetCall } from './target.ts';

/** A request as it goes out, its body at hand. */
export interface WireCall extends TargetCall {
  /** The body, in full. */
  readonly body: Buffer;
}

/** A search that was read. */
export interface SearchRequest {
  /** Whether it is one search, or several. */
  readonly kind: 'search' | 'msearch';
  /** What a client's transport would have been given. */
  readonly params: TransportParams;
  /**
   * The request to send for what the stage made of it; `params` itself is sent as it came. Of several searches it may
   * be a part, told by their header lines.
   */
  toCall(sent: TransportParams): WireCall;
  /** A request of the proxy's own on behalf of the same caller: its headers, and a body of JSON. */
  toOwn(path: string, body: JsonObject): WireCall;
}

/**
 * Reads a search; `undefined` for one that is to be passed on as it is.
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
  const { text } = original;
  const read = original.hasBody ? parse(text) : {};
  // Both servers refuse a name that comes twice; written again it would come once.
  if (!isObject(read) || (original.hasBody && repeatsName(text))) return undefined;
  const params: TransportParams = { ...paramsOf(original), ...(original.hasBody && { body: read }) };
  const slice = { start: original.hasBody ? startOfValue(text) : 0, end: text.length };
  return {
    kind: 'search',
    params,
    toOwn: (path, own) => ownCall(original, path, own),
    toCall(sent) {
      if (sent === params) return callOf(original, original.body);
      const bytes = original.hasBody ? respell(text, slice, read, sent.body) : toBytes(sent.body ?? {});
      return callOf(original, Buffer.from(bytes, 'latin1'), sent.querystring as JsonObject);
    },
  };
}

function paramsOf({ head: { method, path, querystring } }: Original): TransportParams {
  return { method, path, querystring };
}

function severalSearches(original: Original): SearchRequest | undefined {
  const { text } = original;
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const read = lines.map(parse);
  // Both servers refuse a last line without its end, and a header without its search.
  const isWhole = text.endsWith('\n') && lines.length % 2 === 0;
  if (!isWhole || !read.every(isObject) || lines.some(repeatsName)) return undefined;
  const params: TransportParams = { ...paramsOf(original), bulkBody: read };
  const placeOf = new Map(read.map((line, place) => [line, place]));
  return {
    kind: 'msearch',
    params,
    toOwn: (path, own) => ownCall(original, path, own),
    toCall(sent) {
      const sentLines = sent.bulkBody as readonly JsonObject[];
      const isSame = sentLines.length === read.length && sentLines.every((line, i) => line === read[i]);
      if (isSame) return callOf(original, original.body);
      const spelled = sentLines.map((line, i) => {
        const place = placeOf.get(sentLines[i - (i % 2)]!)! + (i % 2);
        const whole = lines[place]!;
        const slice = { start: startOfValue(whole), end: whole.length };
        return `${respell(whole, slice, read[place], line)}\n`;
      });
      return callOf(original, Buffer.from(spelled.join(''), 'latin1'));
    },
  };
}

/** The request with this body; with other parameters where `querystring` has fewer than the address. */
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

/** The caller's wish for compression goes on unless it names one that cannot be unpacked here. */
function unreadableEncodings({ rawHeaders }: IncomingMessage): readonly string[] {
  const wanted = valuesOf(rawHeaders, 'accept-encoding').flatMap((value) => value.split(','));
  return wanted.every((one) => canDecode(one.replace(/;.*$/s, ''))) ? [] : ['accept-encoding'];
}

function hasType({ headers }: IncomingMessage): boolean {
  return headers['content-type'] !== undefined;
}

/** The type of a body that is written here: Elasticsearch wants the same version named in both headers, or in none. */
function typeFor({ headers: { accept = '' } }: IncomingMessage): string {
  return accept.includes('compatible-with') && isJson(accept) ? accept : 'application/json';
}

function repeatsName(text: string): boolean {
  const members = membersOf(text, startOfValue(text));
  return new Set(members.map(({ key }) => key)).size < members.length;
}

function nameOf(pair: string): string {
  return [...new URLSearchParams(pair).keys()][0] ?? '';
}

function parse(bytes: string): unknown {
  try {
    return JSON.parse(fromBytes(bytes));
  } catch (error) {
    // Not ours to judge: the request goes on as it came, and the cluster says what is wrong with it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
