/** A client's call that asks for searches, as the steps of reranking it see it. */
import type { SearchOptions } from '../../adapters/adapter.ts';
import type { RescoringStage, StageWish } from '../stage/index.ts';
import type { Address } from './call-address.ts';
import type { TransportAnswer } from './own-answer.ts';
import type { SearchParts, TransportParams } from './transport-params.ts';

/** How a client writes a search: from the parts on the wire to what its `search()` takes, and back. */
export interface RequestForm<Request> {
  /** What `client.search()` would have been given. */
  toRequest(parts: SearchParts): Request;
  /** The parts of what is to be sent; `original` says which keys were in the address. */
  toParts(request: Request, original: SearchParts): SearchParts;
}

/** Sends to the server, as the client's own transport does; what is not the call's own `params` holds all parameters. */
export type Send = (params: TransportParams, options: SearchOptions) => Promise<TransportAnswer>;

/** What a transport's reranking needs. */
export interface TransportReranking<Request, Response> {
  /** Reranks. */
  readonly stage: Pick<RescoringStage<Request, Response>, 'search' | 'searchMany'>;
  /** Indices whose searches are reranked without asking, `*` stands for any characters. */
  readonly indices: readonly string[];
}

/** A call that asks for searches, and what reranks them. */
export interface SearchCall<Request, Response> {
  readonly stage: TransportReranking<Request, Response>['stage'];
  readonly form: RequestForm<Request>;
  readonly params: TransportParams;
  /** The call's address; absent when it cannot be read. */
  readonly address: Address | undefined;
  /** The indices that the address names, joined by commas; absent for none. */
  readonly index: string | undefined;
  /** Whether a search of these indices is to be reranked. */
  readonly isWanted: (index: string | undefined) => boolean;
  /** What the call asks of the stage. */
  readonly options: StageWish & { readonly signal?: AbortSignal };
  readonly send: Send;
}

/** A request that every adapter leaves alone, as one that it cannot read: its body is no JSON. */
export function unreadable<Request>(form: RequestForm<Request>, index: string | undefined): Request {
  const request = form.toRequest({ index, querystring: {}, body: {} }) as object;
  return { ...request, body: 'unreadable' } as Request;
}
