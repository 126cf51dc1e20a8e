/** Tries an endpoint, and writes example searches that use it. */
import { FirstStageError } from '../../../engine/index.ts';
import {
  accepted,
  type ServerCalls,
  type ServerRequest,
  sampleDocuments,
  wrongScoreCount,
} from '../../install/index.ts';
import { elasticsearchAdvice } from './advice.ts';
import { pathOf } from './options.ts';

/** A query with a quote: a version that puts it raw into the template sends invalid JSON. */
const sampleQuery = 'which one is about "BlockRank"?';

/** The server waits 30 s for a service before it answers with the cause, so this waits longer. */
export const endpointTimeoutMs = 35_000;

/** The request that asks an endpoint to rerank two documents. */
export function endpointQuestion(id: string, query: string = sampleQuery): ServerRequest {
  return { method: 'POST', path: pathOf(id), body: { query, input: sampleDocuments } };
}

/** The fault in an answer to {@link endpointQuestion}, in words; `undefined` when it has none. */
export function faultInRanking(body: unknown): string | undefined {
  const ranked = rankingIn(body);
  const scores = scoresOf(ranked);
  if (ranked.length === sampleDocuments.length && !scores.includes(undefined)) return undefined;
  return wrongScoreCount(ranked.length);
}

interface Ranked {
  readonly index: number;
  readonly relevance_score: number;
}

function rankingIn(body: unknown): readonly Ranked[] {
  return (body as { rerank?: readonly Ranked[] }).rerank ?? [];
}

function scoresOf(ranked: readonly Ranked[]): (number | undefined)[] {
  return sampleDocuments.map((_text, i) => ranked.find(({ index }) => index === i)?.relevance_score);
}

/**
 * Asks the endpoint to rerank two documents.
 *
 * @returns Their scores, in the documents' order.
 * @throws FirstStageError when the endpoint does not answer, or scores other documents than the two.
 */
export async function tryEndpoint(
  calls: ServerCalls,
  id: string,
  options: { readonly query?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly number[]> {
  const { query, signal } = options;
  const { server } = calls;
  const answer = await calls.request(endpointQuestion(id, query), { signal, timeoutMs: endpointTimeoutMs });
  const what = `ask the inference endpoint "${id}"`;
  accepted(answer, { server, what, advice: elasticsearchAdvice });
  const fault = faultInRanking(answer.body);
  if (fault === undefined) return scoresOf(rankingIn(answer.body)) as number[];
  throw new FirstStageError(`Cannot ${what}: ${fault}`, { adapter: server });
}

/** A search body whose window is reranked by the endpoint. */
export function retrieverExample(options: {
  readonly id: string;
  readonly field: string;
  readonly query?: string | undefined;
}): object {
  const { id, field, query = 'words of the user' } = options;
  return {
    size: 10,
    retriever: {
      text_similarity_reranker: {
        retriever: { standard: { query: { match: { [field]: query } } } },
        field,
        inference_id: id,
        inference_text: query,
        rank_window_size: 100,
        allow_rerank_failures: true,
      },
    },
  };
}

/** An ES|QL query whose window is reranked by the endpoint. */
export function esqlExample(options: {
  readonly id: string;
  readonly field: string;
  readonly index?: string | undefined;
  readonly query?: string | undefined;
}): string {
  const { id, field, index = 'my-index', query = 'words of the user' } = options;
  const text = JSON.stringify(query);
  return [
    `FROM ${index} METADATA _score`,
    `| WHERE ${field}:${text}`,
    '| SORT _score DESC',
    '| LIMIT 100',
    `| RERANK ${text} ON ${field} WITH { "inference_id" : ${JSON.stringify(id)} }`,
    '| SORT _score DESC',
    '| LIMIT 10',
  ].join('\n');
}
