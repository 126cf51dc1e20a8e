/** Reranking inside an OpenSearch client: a subclass of its Transport, callbacks and `abort()` included. */

import type { OpenSearchRequest, OpenSearchResponse } from '../../adapters/opensearch/index.ts';
import {
  type RequestForm,
  type RerankCall,
  rerankCalls,
  type TransportParams,
  type TransportReranking,
} from './rerank-calls.ts';

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
  readonly context?: { readonly blockrank?: unknown } | null;
}

type Callback = (error: unknown, result: unknown) => void;
type Abortable = Promise<object> & { abort(): void };

/**
 * The same transport, with searches reranked: of the named indices, and wherever a call's
 * `context: { blockrank: true }` asks for it (`false` asks for none). Everything else behaves as before.
 */
export function opensearchTransport<Base extends OpenSearchTransportClass>(
  Transport: Base,
  reranking: TransportReranking<OpenSearchRequest, OpenSearchResponse>,
): Base {
  const rerank = rerankCalls(reranking, form);
  return class extends Transport {
    override request(params: never, options?: never, callback?: never): unknown {
      const [given, done] =
        typeof options === 'function'
          ? [{}, options as Callback]
          : [(options ?? {}) as CallOptions, callback as Callback | undefined];
      const base = (sent: TransportParams): Abortable =>
        super.request(sent as never, given as never) as Abortable;
      const answer = given.asStream
        ? undefined
        : reranked(rerank, { params, wish: given.context?.blockrank }, base);
      if (!answer) return super.request(params, options, callback);
      if (!done) return answer;
      answer.then(
        (result) => done(null, result),
        (error: { meta?: unknown }) =>
          done(error, error.meta ?? { body: null, statusCode: null, headers: null }),
      );
      return { abort: () => answer.abort() };
    }
  } as Base;
}

/** The reranked answer as the client gives its own: a promise that can be aborted. */
function reranked(
  rerank: RerankCall,
  { params, wish }: { readonly params: TransportParams; readonly wish: unknown },
  base: (sent: TransportParams) => Abortable,
): Abortable | undefined {
  const given = new AbortController();
  let inner: Abortable | undefined;
  let whole: object = {};
  const body = rerank({ params, wish, signal: given.signal }, async (sent, { signal }) => {
    inner = base(sent);
    const running = inner;
    signal?.addEventListener('abort', () => {
      running.abort();
    });
    whole = await running;
    return (whole as { body: unknown }).body;
  });
  if (!body) return undefined;
  const answer = finish();
  return Object.assign(answer, { abort: () => given.abort(new Error('The search was aborted.')) });

  async function finish(): Promise<object> {
    try {
      const value = await body;
      // The result has a getter (`warnings`) that spreading would lose.
      return Object.create(Object.getPrototypeOf(whole) as object, {
        ...Object.getOwnPropertyDescriptors(whole),
        body: { value, enumerable: true, configurable: true, writable: true },
      }) as object;
    } catch (error) {
      // Who aborts a search of this client gets the client's own error.
      if (given.signal.aborted && inner) await inner;
      throw error;
    }
  }
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
