/**
 * Reranks inside a client's Transport, which recognises searches by their path. Each search takes the same steps: find
 * its indices, decide whether it is wanted, run the stage over the client's sending, and answer in the client's form.
 * Every other call passes untouched.
 */
import { isObject } from '../../adapters/search-body/index.ts';
import type { StageWish } from '../stage/index.ts';
import { type Address, addressOf } from './call-address.ts';
import { isWanted, toPatterns } from './index-patterns.ts';
import { rerankMultiSearch } from './rerank-multi-search.ts';
import { rerankOneSearch } from './rerank-one-search.ts';
import type { RequestForm, SearchCall, Send, TransportReranking } from './search-call.ts';
import { searchTarget } from './search-target.ts';
import type { TransportParams } from './transport-params.ts';

/** One call of the transport. */
export interface TransportCall {
  /** The request to send. */
  readonly params: TransportParams;
  /** Parameters of the address in the call's options: in both clients they win over the others. */
  readonly querystring: unknown;
  /** The call's `context.blockrank`: a wish, `true`, `false`, or nothing. */
  readonly wish: unknown;
  /** Ends the call. */
  readonly signal: AbortSignal | undefined;
}

/** The body of a reranked answer; `undefined` when the call is not to be reranked and must be sent unchanged. */
export type RerankCall = (call: TransportCall, send: Send) => Promise<unknown> | undefined;

/** Prepares reranking for a transport class; `form` is how its client writes a search. */
export function rerankCalls<Request, Response>(
  { stage, indices }: TransportReranking<Request, Response>,
  form: RequestForm<Request>,
): RerankCall {
  const patterns = toPatterns(indices);
  return ({ params, querystring, wish, signal }, send) => {
    const target = wish === false ? undefined : searchTarget(params.path.replace(/\?.*$/s, ''));
    if (!target || target.kind === 'other' || !/^(get|post)$/i.test(params.method)) return undefined;
    const address = addressOf(params, querystring);
    const call: SearchCall<Request, Response> = {
      stage,
      form,
      params,
      address,
      index: target.index ?? namedIn(address),
      isWanted: (index) => isWanted(patterns, wish, index),
      options: { ...(isObject(wish) && (wish as StageWish)), ...(signal && { signal }) },
      send,
    };
    return target.kind === 'search' ? rerankOneSearch(call) : rerankMultiSearch(call);
  };
}

/** The indices that an address names: both servers read them from the parameters where the path names none. */
function namedIn(address: Address | undefined): string | undefined {
  const index = address?.parameters['index'];
  return index === undefined ? undefined : String(index);
}
