/** Receives a search: reads its body and what it asks for. */
import type { Exchange, ReadBody } from './forward.ts';
import { readUpTo } from './read-body.ts';
import { readSearch, type SearchRequest } from './search-request.ts';

/** The result of receiving a search. */
export interface Received {
  /** The caller's request; it no longer waits for `100 Continue`. */
  readonly exchange: Exchange;
  /** The body, or the part of it that was read; absent when the caller left. */
  readonly read?: ReadBody | undefined;
  /** The search; absent when it cannot be read, or is too large. */
  readonly search?: SearchRequest | undefined;
}

/** Receives a search. @param maxBytes - Bytes that the body may have, packed and unpacked. */
export async function receiveSearch(asked: Exchange, maxBytes: number): Promise<Received> {
  if (asked.isWaiting) asked.response.writeContinue();
  const exchange = { ...asked, isWaiting: false };
  const read = await readUpTo(exchange.request, maxBytes).catch(() => undefined);
  if (!read?.isWhole) return { exchange, read };
  return { exchange, read, search: await readSearch(exchange.request, Buffer.concat(read.chunks), maxBytes) };
}
