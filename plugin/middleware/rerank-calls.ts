/**
 * Reranking inside a client: its Transport's calls, of which the searches are recognised by their path. A call goes one
 * way: what it searches, whether that is wanted, the stage over what the client sends, the answer in the client's form.
 * What is no search that is wanted goes through untouched.
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
  /** What is to be sent. */
  readonly params: TransportParams;
  /** Parameters of the address in the call's options: both clients put them over the others. */
  readonly querystring: unknown;
  /** The call's `context.blockrank`: a wish, `true`, `false`, or nothing. */
  readonly wish: unknown;
  /** Ends the call. */
  readonly signal: AbortSignal | undefined;
}

/** The body of a reranked answer; undefined when the call is none of ours and must be sent as it is. */
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

/** Both servers take the index from the parameters too, where the path has none. */
function namedIn(address: Address | undefined): string | undefined {
  const index = address?.parameters['index'];
  return index === undefined ? undefined : String(index);
}
