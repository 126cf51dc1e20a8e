/** Searches and answers of a played cluster before a proxy, and readers of both for tests. */
import type { Answer, Play, Seen } from './proxy-setup.ts';

/**
 * Hits with details that `JSON.parse` and `JSON.stringify` would spoil: long numbers, floats, order of names, escapes.
 */
export const hit = (id: string): string =>
  `{"_index":"products-1","_id":"${id}","_score":1.0,"_source":{"title":"${id}","z":1,"10":2,"long":9007199254740993,"float":1.0${'0'.repeat(id.charCodeAt(0) - 97)},"exp":1E5,"text":"\\u00e9\\/\u00e9"}}`;
/** Numbers that JavaScript would round. */
export const aggregations = '"aggregations":{"max":{"value":1.0,"sum":9007199254740993}}';
/** An answer with these hits. */
export const answerOf = (...ids: readonly string[]): string =>
  `{"took":1,"timed_out":false,"hits":{"total":{"value":${ids.length},"relation":"eq"},"max_score":1.0,"hits":[${ids.map(hit).join(',')}]},${aggregations}}`;
/** Headers of every answer. */
export const headers: { readonly warning: string } & Readonly<Record<string, string>> = {
  'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
  'X-elastic-product': 'Elasticsearch',
  warning: '299 - "w"',
};

/** A cluster that answers everything with a text. */
export const answering =
  (text: string, status = 200): Play =>
  (_seen, response) =>
    response.writeHead(status, headers).end(text);

/** A search that the proxy reranks. */
export const query: object = { query: { match: { title: 'stars' } } };
export interface SearchJson {
  hits: { hits: { _id: string; _source?: unknown; blockrank?: object }[] };
  blockrank?: { reranked: boolean; reason?: string };
  responses: { hits: { hits: { _id: string }[] }; error?: { type: string }; blockrank?: object }[];
  error: { type: string; reason: string };
}

/** The body of an answer. */
export const jsonOf = ({ body }: Pick<Answer, 'body'>): SearchJson => JSON.parse(body.toString());
/** Ids of an answer's hits, in their order. */
export const idsOf = (answer: Answer): string[] => jsonOf(answer).hits.hits.map(({ _id }) => _id);
/** The body of a request to the cluster. */
export const bodyOf = ({ body }: Seen): Record<string, unknown> => JSON.parse(body.toString());
