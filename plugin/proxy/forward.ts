/**
 * Passes one request on, and its answer back, untouched and as they come. Built on Node's own HTTP client, not on a
 * proxy library: httpxy, like others, passes headers on in small letters with duplicates joined, passes the cluster's
 * `Connection` to the caller, drops trailers, and closes the connection after every chunked body.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { endToEnd, framingOf, pairsOf, type RawHeaders } from './headers.ts';
import { ProxyError, sendError } from './server-error.ts';
import type { Target } from './target.ts';
import { openUpstream, StaleConnection, type Upstream, unreachable } from './upstream.ts';

/** One request of a caller, and where its answer goes. */
export interface Exchange {
  /** The caller's request. */
  readonly request: IncomingMessage;
  /** The answer to the caller. */
  readonly response: ServerResponse;
  /** Whether the caller waits for `100 Continue` before it sends the body, and has not got it yet. */
  readonly isWaiting: boolean;
}

/** The part of a request's body that was read before the proxy decided to pass it on. */
export interface ReadBody {
  /** The bytes, in order. */
  readonly chunks: readonly Buffer[];
  /** Whether these bytes are the whole body. */
  readonly isWhole: boolean;
}

/** The cluster to pass requests to, and the time limit. */
export interface Forwarding {
  /** The cluster. */
  readonly target: Target;
  /** How long the cluster may keep silent, in milliseconds. */
  readonly timeoutMs: number;
}

/** Header by which callers and the proxy speak about reranking. */
export const markHeader = 'x-blockrank';

/** How long a caller that waits for `100 Continue` is left waiting, in milliseconds. */
const continueMs = 1000;

/** A body of which nothing was read. */
const unread: ReadBody = { chunks: [], isWhole: false };

/**
 * Passes a request on. Settles when the answer is sent or the caller is gone. Never rejects: the caller is told of
 * failures on the way.
 *
 * @param added - Headers to add to the answer.
 */
export async function forward(
  forwarding: Forwarding,
  exchange: Exchange,
  read: ReadBody = unread,
  added: RawHeaders = [],
): Promise<void> {
  const { request, response } = exchange;
  const upstream = openUpstream(forwarding.target, callOf(exchange), forwarding.timeoutMs);
  const abandon = (): void => {
    if (!response.writableFinished) upstream.request.destroy();
  };
  response.once('close', abandon);
  sendBody(exchange, upstream, read);
  try {
    const answer = await upstream.answer;
    await passBack(answer, response, added);
  } catch (error) {
    request.unpipe(upstream.request);
    request.resume();
    if (response.destroyed) return;
    if (!(error instanceof StaleConnection)) return tell(forwarding, response, error);
    response.off('close', abandon);
    if (canRepeat(request, read)) return forward(forwarding, { ...exchange, isWaiting: false }, read, added);
    tell(forwarding, response, unreachable(forwarding.target, error));
  }
}

/** Writes an answer's status and headers, then its body as it comes. */
async function passBack(answer: IncomingMessage, response: ServerResponse, added: RawHeaders): Promise<void> {
  const headers = [...endToEnd(answer.rawHeaders), ...added];
  response.sendDate = false;
  response.writeHead(answer.statusCode!, answer.statusMessage, headers);
  sendHead(response);
  await pipeline(answer, response, { end: false });
  if (answer.rawTrailers.length > 0) response.addTrailers(pairsOf(answer.rawTrailers));
  response.end();
}

/**
 * Sends the head before there is a body. Node's `flushHeaders` would write the head as UTF-8, but it may be in another
 * encoding.
 */
function sendHead(message: ClientRequest | ServerResponse): void {
  message.write(Buffer.alloc(0));
}

function tell({ target }: Forwarding, response: ServerResponse, error: unknown): void {
  const known = error instanceof ProxyError ? error : unreachable(target, error as Error);
  sendError(response, known);
}

/** The request to the cluster: the caller's, without the headers of the connection and our own header. */
function callOf({ request, isWaiting }: Exchange): Parameters<Target['open']>[0] {
  const framing = framingOf(request);
  const method = request.method!;
  // Without this, Node would send such a request with an empty chunked body.
  const noBody = framing.length === 0 && hasBodyByDefault(method) ? ['Content-Length', '0'] : [];
  const dropped = ['content-length', markHeader, ...(isWaiting ? [] : ['expect'])];
  return {
    method,
    path: pathOf(request),
    headers: [...endToEnd(request.rawHeaders, dropped), ...framing, ...noBody],
  };
}

function hasBodyByDefault(method: string): boolean {
  return !['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'].includes(method);
}

/** Path and query string as the caller wrote them; a caller that treats us as its forward proxy names the host too. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '');
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
}

function sendBody({ request, response, isWaiting }: Exchange, upstream: Upstream, read: ReadBody): void {
  if (!isWaiting) {
    pour(request, upstream, read);
    return;
  }
  let isStarted = false;
  const start = (): void => {
    clearTimeout(timer);
    if (isStarted || response.headersSent || upstream.request.destroyed) return;
    isStarted = true;
    response.writeContinue();
    pour(request, upstream, read);
  };
  const timer = setTimeout(start, continueMs);
  upstream.request.once('continue', start);
  upstream.request.once('close', () => clearTimeout(timer));
}

function pour(request: IncomingMessage, upstream: Upstream, { chunks, isWhole }: ReadBody): void {
  const to: ClientRequest = upstream.request;
  sendHead(to);
  for (const chunk of chunks) to.write(chunk);
  const finish = (): void => {
    if (request.rawTrailers.length > 0) to.addTrailers(pairsOf(request.rawTrailers));
    to.end();
  };
  if (isWhole || request.readableEnded) {
    finish();
    return;
  }
  request.pipe(to, { end: false });
  request.on('data', upstream.touch);
  request.once('end', finish);
}

/** Whether a request may be sent twice: it changes nothing on the server, and its whole body is at hand. */
function canRepeat(request: IncomingMessage, { isWhole }: ReadBody): boolean {
  const isSafe = request.method === 'GET' || request.method === 'HEAD';
  return isWhole || (isSafe && framingOf(request).length === 0);
}
