/** Tries an installation: asks the model directly, and runs one search with and without the pipeline. */
import { FirstStageError } from '../../../engine/index.ts';
import {
  accepted,
  type ServerCalls,
  type ServerRequest,
  sampleDocuments,
  wrongScoreCount,
} from '../../install/index.ts';
import { openSearchAdvice } from './advice.ts';
import { defaultPageSize } from './options.ts';

/** Options of {@link trySearch}. */
export interface TrialOptions {
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** Words of the search. */
  readonly query: string;
  /** Index to search. */
  readonly index: string;
  /** Fields to search for the words; the search takes any documents when none holds the words. */
  readonly fields: readonly string[];
  /** Hits a page. @defaultValue {@link defaultPageSize}, whose window is the configured one */
  readonly size?: number;
  /** Ends the trial. */
  readonly signal?: AbortSignal | undefined;
  /** How long one search may take, in milliseconds. @defaultValue as long as the client waits */
  readonly timeoutMs?: number | undefined;
}

/** One hit of a trial. */
export interface TrialHit {
  /** Its id. */
  readonly docId: string;
  /** Its score: the first stage's before, the model's after. */
  readonly score: number | null;
}

/** A search before and after. */
export interface Trial {
  /** The first stage's order. */
  readonly before: readonly TrialHit[];
  /** The order with the pipeline. */
  readonly after: readonly TrialHit[];
  /** Whether the search went by words; otherwise it took any documents, because none holds the words. */
  readonly isByWords: boolean;
}

/** The request that asks a model what the rerank processor asks it. */
export function modelQuestion(modelId: string, query: string): ServerRequest {
  return {
    method: 'POST',
    path: `/_plugins/_ml/_predict/text_similarity/${modelId}`,
    body: { query_text: query, text_docs: sampleDocuments },
  };
}

/** The fault in an answer to {@link modelQuestion}, in words; `undefined` when it has none. */
export function faultInScores(body: unknown): string | undefined {
  const { length } = scoresIn(body);
  return length === sampleDocuments.length ? undefined : wrongScoreCount(length);
}

function scoresIn(body: unknown): number[] {
  const { inference_results: results = [] } = body as {
    inference_results?: readonly { output?: readonly { data?: readonly number[] }[] }[];
  };
  return (results[0]?.output ?? []).flatMap(({ data = [] }) => data);
}

/** Options of {@link tryModel}. */
export interface ModelTrialOptions {
  /** The model. */
  readonly modelId: string;
  /** Words to ask with. */
  readonly query: string;
  /** Ends the question. */
  readonly signal?: AbortSignal | undefined;
  /** How long the answer may take, in milliseconds. @defaultValue as long as the client waits */
  readonly timeoutMs?: number | undefined;
}

/**
 * Asks the model directly, as the rerank processor does.
 *
 * @returns The scores that came back, one for each of two documents.
 * @throws FirstStageError naming the cause, which a pipeline that ignores failures would hide.
 */
export async function tryModel(
  calls: ServerCalls,
  { modelId, query, signal, timeoutMs }: ModelTrialOptions,
): Promise<readonly number[]> {
  const { server } = calls;
  const what = `ask the model "${modelId}"`;
  const answer = await calls.request(modelQuestion(modelId, query), { signal, timeoutMs });
  accepted(answer, { server, what, advice: openSearchAdvice });
  const fault = faultInScores(answer.body);
  if (fault === undefined) return scoresIn(answer.body);
  throw new FirstStageError(`Cannot ${what}: ${fault}`, { adapter: server });
}

/**
 * Searches an index twice, without and with the pipeline.
 *
 * @throws FirstStageError when either search fails.
 */
export async function trySearch(calls: ServerCalls, options: TrialOptions): Promise<Trial> {
  const { query, fields, size = defaultPageSize } = options;
  const byWords = { multi_match: { query, fields, lenient: true } };
  const worded = await search(calls, options, { query: byWords, size });
  const isByWords = worded.length > 0;
  const clause = isByWords ? byWords : { match_all: {} };
  const before = isByWords ? worded : await search(calls, options, { query: clause, size });
  const body = { query: clause, size, ext: rerankExt(query) };
  const after = await search(calls, { ...options, isPiped: true }, body);
  return { before, after, isByWords };
}

/** The `ext` part of a search that makes the pipeline rerank it. */
export function rerankExt(query: string): object {
  return { rerank: { query_context: { query_text: query } } };
}

async function search(
  calls: ServerCalls,
  { index, pipeline, isPiped = false, signal, timeoutMs }: TrialOptions & { readonly isPiped?: boolean },
  body: object,
): Promise<TrialHit[]> {
  const answer = await calls.request(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_search`,
      querystring: { search_pipeline: isPiped ? pipeline : '_none' },
      body,
    },
    { signal, timeoutMs },
  );
  const what = `search index "${index}"${isPiped ? ` through pipeline "${pipeline}"` : ''}`;
  accepted(answer, { server: calls.server, what, advice: openSearchAdvice });
  return toHits(answer.body);
}

/** Ids and scores of a search's answer. */
export function toHits(body: unknown): TrialHit[] {
  const { hits } = body as { hits: { hits: readonly { _id: string; _score: number | null }[] } };
  return hits.hits.map(({ _id, _score }) => ({ docId: _id, score: _score }));
}
