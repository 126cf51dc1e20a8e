/** Reranking inside an OpenSearch client: a subclass of its Transport, callbacks and `abort()` included. */

import type { OpenSearchRequest, OpenSearchResponse } from '../../adapters/opensearch/index.ts';
import { endedBy } from '../../adapters/search-body/index.ts';
import type { TransportAnswer } from './own-answer.ts';
import { type RerankCall, rerankCalls } from './rerank-calls.ts';
import type { RequestForm, Send, TransportReranking } from './search-call.ts';
import type { TransportParams } from './transport-params.ts';

/** A transport class of an OpenSearch client, 3.x. */
export type OpenSearchTransportClass = new (
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript asks a mixin's constructor for any[].
  ...args: any[]
) => {
  /** Sends one call to the server. */
  request(params: never, options?: never, callback?: never): unknown;
};

interface CallOptions {
  readonly asStream?: boolean;
  readonly querystring?: unknown;
  readonly context?: { readonly blockrank?: unknown } | null;
}

type Callback = (error: unknown, result: unknown) => void;
type Abortable = Promise<object> & { abort(): void };
type Base = (sent: TransportParams, options: CallOptions) => Abortable;

/**
 * The same transport class with reranked searches: searches of the named indices, and every call whose `context: {
 * blockrank: true }` asks for it (`false` opts out). Answers that come as a stream (`asStream`) are not reranked.
 * Everything else behaves as before.
 */
export function opensearchTransport<Class extends OpenSearchTransportClass>(
  Transport: Class,
  reranking: TransportReranking<OpenSearchRequest, OpenSearchResponse>,
): Class {
  const rerank = rerankCalls(reranking, form);
  return class extends Transport {
    override request(params: never, options?: never, callback?: never): unknown {
      const [given, done] =
        typeof options === 'function'
          ? [{}, options as Callback]
          : [(options ?? {}) as CallOptions, callback as Callback | undefined];
      const base: Base = (sent, own) => super.request(sent as never, own as never) as Abortable;
      const answer = given.asStream ? undefined : reranked(rerank, params, given, base);
      if (!answer) return super.request(params, options, callback);
      if (!done) return answer;
      answer.then(
        (result) => done(null, result),
        (error: { meta?: unknown }) =>
          done(error, error.meta ?? { body: null, statusCode: null, headers: null }),
      );
      return { abort: () => answer.abort() };
    }
  } as Class;
}

/** The reranked answer in the form of the client's own: a promise that can be aborted. */
function reranked(
  rerank: RerankCall,
  params: TransportParams,
  given: CallOptions,
  base: Base,
): Abortable | undefined {
  const abandoned = new AbortController();
  const { querystring, ...rest } = given;
  let inner: Promise<object> | undefined;
  let whole: object = {};
  const send: Send = async (sent, { signal }) => {
    // A copy, because the client changes the object that it gets.
    const copy = { ...sent };
    inner = endedBy(signal, () => base(copy, sent === params ? given : rest));
    whole = await inner;
    return whole as TransportAnswer;
  };
  const wish = given.context?.blockrank;
  const body = rerank({ params, querystring, wish, signal: abandoned.signal }, send);
  if (!body) return undefined;
  return Object.assign(finish(body), {
    abort: () => abandoned.abort(new Error('The search was aborted.')),
  });

  async function finish(value: Promise<unknown>): Promise<object> {
    try {
      const reranked = await value;
      return withBody(whole, reranked);
    } catch (error) {
      // A caller that aborts a search of this client gets the client's own error.
      if (abandoned.signal.aborted) await (inner ?? aborted(base({ ...params }, given)));
      throw error;
    }
  }
}

/** The client's result with another body. It has a getter (`warnings`) that spreading would lose. */
function withBody(result: object, value: unknown): object {
  return Object.create(Object.getPrototypeOf(result) as object, {
    ...Object.getOwnPropertyDescriptors(result),
    body: { value, enumerable: true, configurable: true, writable: true },
  }) as object;
}

function aborted(call: Abortable): Promise<object> {
  call.abort();
  return call;
}

/** `client.search()` takes parameters of the address, and the body apart. */
const form: RequestForm<OpenSearchRequest> = {
  toRequest: ({ index, querystring, body }) =>
    ({ ...(index !== undefined && { index }), ...querystring, body }) as OpenSearchRequest,
  toParts: (request, original) => {
    const { index: _index, body = {}, ...querystring } = request as Readonly<Record<string, unknown>>;
    return { index: original.index, querystring, body: body as Readonly<Record<string, unknown>> };
  },
};
