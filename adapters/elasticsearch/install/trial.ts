/** Tries an endpoint, and shows how searches use it. */
import { FirstStageError } from '../../../engine/index.ts';
import { accepted, type ServerCalls } from '../../install/index.ts';
import { elasticsearchAdvice } from './advice.ts';
import { pathOf } from './options.ts';

/** Words with a quote: a version that puts them raw into the template sends what is no JSON. */
const sampleQuery = 'which one is about "BlockRank"?';
const sampleDocuments = ['BlockRank reads query and candidates together.', 'A page about something else.'];

/**
 * Asks the endpoint to rerank two documents.
 *
 * @returns Their scores, in the documents' order.
 * @throws FirstStageError when it does not answer, or answers for other documents than it was asked about.
 */
export async function tryEndpoint(
  calls: ServerCalls,
  id: string,
  options: { readonly query?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly number[]> {
  const { query = sampleQuery, signal } = options;
  const body = { query, input: sampleDocuments };
  const answer = await calls.request({ method: 'POST', path: pathOf(id), body }, { signal });
  const what = `ask the inference endpoint "${id}"`;
  accepted(answer, { server: calls.server, what, advice: elasticsearchAdvice });
  const { rerank = [] } = answer.body as { rerank?: readonly { index: number; relevance_score: number }[] };
  const scores = sampleDocuments.map((_text, i) => rerank.find(({ index }) => index === i)?.relevance_score);
  if (rerank.length === sampleDocuments.length && !scores.includes(undefined)) return scores as number[];
  throw new FirstStageError(
    `Cannot ${what}: it gave ${rerank.length} scores for ${sampleDocuments.length} documents. Searches would fail: the service has to answer for every document.`,
    { adapter: calls.server },
  );
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

/** The same in ES|QL. */
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
