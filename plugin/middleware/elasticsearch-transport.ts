/** Reranking inside an Elasticsearch client: a subclass of its Transport. */

import type { ElasticsearchRequest, ElasticsearchResponse } from '../../adapters/elasticsearch/index.ts';
import { endedBy, withAddressSource } from '../../adapters/search-body/index.ts';
import type { TransportAnswer } from './own-answer.ts';
import { rerankCalls } from './rerank-calls.ts';
import type { RequestForm, Send, TransportReranking } from './search-call.ts';
import type { SearchParts, TransportParams } from './transport-params.ts';

/** A transport class of an Elasticsearch client, 8 or 9. */
export type ElasticsearchTransportClass = new (
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript asks a mixin's constructor for any[].
  ...args: any[]
) => {
  /** Sends one call to the server. */
  request(params: never, options?: never): Promise<unknown>;
};

interface CallOptions {
  readonly meta?: boolean;
  readonly asStream?: boolean;
  readonly signal?: AbortSignal;
  readonly querystring?: unknown;
  readonly context?: { readonly blockrank?: unknown } | null;
}

/**
 * The same transport class with reranked searches: searches of the named indices, and every call whose `context: {
 * blockrank: true }` asks for it (`false` opts out). Answers that come as a stream (`asStream`) are not reranked.
 * Everything else behaves as before.
 */
export function elasticsearchTransport<Base extends ElasticsearchTransportClass>(
  Transport: Base,
  reranking: TransportReranking<ElasticsearchRequest, ElasticsearchResponse>,
): Base {
  const rerank = rerankCalls(reranking, form);
  return class extends Transport {
    override async request(params: never, options?: never): Promise<unknown> {
      const given = (options ?? {}) as CallOptions;
      const { signal, querystring } = given;
      const base = (sent: TransportParams, own: CallOptions): Promise<unknown> =>
        super.request(sent as never, own as never);
      let inner: Promise<unknown> | undefined;
      let whole: TransportAnswer | undefined;
      const send: Send = async (sent, call) => {
        const own = { ...(sent === params ? given : withoutQuerystring(given)), meta: true };
        // A copy, because the client changes the object that it gets.
        const copy = { ...sent };
        inner = endedBy(call.signal, (ending) => base(copy, { ...own, ...(ending && { signal: ending }) }));
        whole = (await inner) as TransportAnswer;
        return whole;
      };
      const wish = given.context?.blockrank;
      const body = given.asStream ? undefined : rerank({ params, querystring, wish, signal }, send);
      if (!body) return base(params, given);
      try {
        const reranked = await body;
        return given.meta ? { ...whole, body: reranked } : reranked;
      } catch (error) {
        // A caller that aborts a search of this client gets the client's own error.
        if (signal?.aborted) await (inner ?? base(params, given));
        throw error;
      }
    }
  } as Base;
}

function withoutQuerystring({ querystring: _querystring, ...options }: CallOptions): CallOptions {
  return options;
}

/** `client.search()` takes one flat object; the client sorts its keys into address and body. */
const form: RequestForm<ElasticsearchRequest> = {
  toRequest: ({ index, querystring, body }) =>
    ({
      ...body,
      // Both servers prefer the address, and a flat request no longer shows where a property stood.
      ...withAddressSource(querystring),
      ...(index !== undefined && { index }),
    }) as ElasticsearchRequest,
  toParts: (request, original): SearchParts => {
    const { index: _index, ...keys } = request as Readonly<Record<string, unknown>>;
    const isInAddress = ([key, value]: [string, unknown]): boolean =>
      key in original.querystring && (typeof value !== 'object' || value === original.querystring[key]);
    const entries = Object.entries(keys);
    return {
      index: original.index,
      querystring: Object.fromEntries(entries.filter(isInAddress)),
      body: Object.fromEntries(entries.filter((entry) => !isInAddress(entry))),
    };
  },
};
