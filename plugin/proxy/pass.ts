/** Answers without the stage: with the cluster's own answer, or with an error. */
import type { UnrerankedReason } from '../../adapters/adapter.ts';
import { isWanted, toPatterns } from '../middleware/index-patterns.ts';
import type { StageWish } from '../stage/index.ts';
import { type Exchange, forward, type ReadBody } from './forward.ts';
import { searchedIndex } from './search-head.ts';
import type { SearchParts } from './search-run.ts';
import { type ProxyError, sendError } from './server-error.ts';

/** The proxy's treatment of a request. */
export type Treatment = 'passed' | 'reranked' | 'unreranked' | 'overloaded';

/** Passes a request on unchanged, and its answer back as it arrives, with a header that says why. */
export async function pass(
  { forwarding }: Pick<SearchParts, 'forwarding'>,
  exchange: Exchange,
  read: ReadBody | undefined,
  reason?: UnrerankedReason | 'overloaded',
): Promise<Treatment> {
  const added = reason === undefined ? [] : ['X-Blockrank', `unreranked; reason=${reason}`];
  await forward(forwarding, exchange, read, added);
  if (reason === 'overloaded') return reason;
  return reason === undefined ? 'passed' : 'unreranked';
}

/** Passes on a search that cannot be read; when it was to be reranked, the answer says why it is not. */
export function passUnread(
  parts: Pick<SearchParts, 'forwarding' | 'indices'>,
  exchange: Exchange,
  wish: StageWish | true | undefined,
  read?: ReadBody,
): Promise<Treatment> {
  const index = searchedIndex(exchange.request);
  const isMeant = isWanted(toPatterns(parts.indices), wish, index);
  return pass(parts, exchange, read, isMeant ? 'unsupported-request' : undefined);
}

/** Answers with an error. */
export function refuse(
  { response }: Exchange,
  error: ProxyError,
  treatment: Treatment = 'unreranked',
): Treatment {
  sendError(response, error);
  return treatment;
}
