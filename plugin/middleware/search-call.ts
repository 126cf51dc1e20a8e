/** A client's call for searches, in the form that the steps of reranking share. */
import type { SearchOptions } from '../../adapters/adapter.ts';
import type { RescoringStage, StageWish } from '../stage/index.ts';
import type { Address } from './call-address.ts';
import type { TransportAnswer } from './own-answer.ts';
import type { SearchParts, TransportParams } from './transport-params.ts';

/** How a client writes a search: turns the parts on the wire into an argument of `search()`, and back. */
export interface RequestForm<Request> {
  /** The argument of `client.search()` that gives these parts. */
  toRequest(parts: SearchParts): Request;
  /** The parts of a request to send; `original` tells which keys stood in the address. */
  toParts(request: Request, original: SearchParts): SearchParts;
}

/** Sends a call to the server by the client's own transport; changed `params` hold all parameters. */
export type Send = (params: TransportParams, options: SearchOptions) => Promise<TransportAnswer>;

/** The parts that reranking in a transport needs. */
export interface TransportReranking<Request, Response> {
  /** The stage that reranks. */
  readonly stage: Pick<RescoringStage<Request, Response>, 'search' | 'searchMany'>;
  /** Indices whose searches are reranked by default; `*` stands for any characters. */
  readonly indices: readonly string[];
}

/** A call for searches, and the parts that rerank them. */
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
  /** The call's options for the stage. */
  readonly options: StageWish & { readonly signal?: AbortSignal };
  readonly send: Send;
}

/** A request that every adapter passes unreranked, because its body is no JSON. */
export function unreadable<Request>(form: RequestForm<Request>, index: string | undefined): Request {
  const request = form.toRequest({ index, querystring: {}, body: {} }) as object;
  return { ...request, body: 'unreadable' } as Request;
}
