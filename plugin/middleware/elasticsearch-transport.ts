/** Reranking inside an Elasticsearch client: a subclass of its Transport. */

import type { ElasticsearchRequest, ElasticsearchResponse } from '../../adapters/elasticsearch/index.ts';
import { withAddressSource } from '../../adapters/search-body/request-view.ts';
import {
  type RequestForm,
  rerankCalls,
  type SearchParts,
  type TransportParams,
  type TransportReranking,
} from './rerank-calls.ts';

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
  readonly context?: { readonly blockrank?: unknown } | null;
}

/**
 * The same transport, with searches reranked: of the named indices, and wherever a call's
 * `context: { blockrank: true }` asks for it (`false` asks for none). Everything else behaves as before.
 */
export function elasticsearchTransport<Base extends ElasticsearchTransportClass>(
  Transport: Base,
  reranking: TransportReranking<ElasticsearchRequest, ElasticsearchResponse>,
): Base {
  const rerank = rerankCalls(reranking, form);
  return class extends Transport {
    override async request(params: never, options?: never): Promise<unknown> {
      const given = (options ?? {}) as CallOptions;
      const base = (sent: TransportParams, own: CallOptions): Promise<unknown> =>
        super.request(sent as never, own as never);
      if (given.asStream) return base(params, given);
      let inner: Promise<unknown> | undefined;
      let whole: object = {};
      const body = rerank(
        { params, wish: given.context?.blockrank, signal: given.signal },
        async (sent, { signal }) => {
          inner = base(sent, { ...given, meta: true, ...(signal && { signal }) });
          whole = (await inner) as { body: unknown };
          return (whole as { body: unknown }).body;
        },
      );
      if (!body) return base(params, given);
      try {
        const reranked = await body;
        return given.meta ? { ...whole, body: reranked } : reranked;
      } catch (error) {
        // Who aborts a search of this client gets the client's own error.
        if (given.signal?.aborted && inner) await inner;
        throw error;
      }
    }
  } as Base;
}

/** `client.search()` takes one flat object; the client sorts its keys into address and body. */
const form: RequestForm<ElasticsearchRequest> = {
  toRequest: ({ index, querystring, body }) =>
    ({
      ...(index !== undefined && { index }),
      // Flat, nobody could tell any more where it stood.
      ...withAddressSource(querystring),
      ...body,
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
