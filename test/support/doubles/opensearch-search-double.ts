/**
 * Searches of the double of OpenSearch, in the parts that concern a rerank processor: the double widens the page, asks
 * the model, lets a failure fail the search or ignores and counts it, and cuts the page again.
 */
import { Refusal } from './refusal.ts';

type Json = Record<string, unknown>;

/** The nodes' counts of one rerank processor. */
export interface PipelineCounts {
  readonly count: number;
  readonly failed: number;
}

/** A question to a model. */
export interface AskedModel {
  readonly modelId: string;
  readonly query: string;
  readonly documents: readonly string[];
}

/** The parts of the cluster that a search needs. */
interface Searched {
  readonly pipelines: ReadonlyMap<string, Json>;
  readonly counts: Map<string, PipelineCounts>;
  ask(asked: AskedModel): readonly number[];
}

interface Processors {
  readonly request_processors?: readonly { readonly oversample?: { readonly sample_factor: number } }[];
  readonly response_processors?: readonly { readonly rerank?: Rerank }[];
}

interface Rerank {
  readonly ignore_failure?: boolean;
  readonly ml_opensearch: { readonly model_id: string };
}

interface Hit {
  readonly _id: string;
  readonly _score: number;
}

/** Statistics of every pipeline that has a rerank processor, as `GET /_nodes/stats/search_pipeline` has them. */
export function statisticsOf({ pipelines, counts }: Omit<Searched, 'ask'>): object {
  const entries = [...pipelines]
    .filter(([, pipeline]) => rerankOf(pipeline))
    .map(([name]) => {
      const stats = counts.get(name) ?? { count: 0, failed: 0 };
      return [name, { response_processors: [{ 'rerank:tag': { type: 'rerank', stats } }] }];
    });
  return Object.fromEntries(entries);
}

function rerankOf(pipeline: Json): Rerank | undefined {
  return (pipeline as Processors).response_processors?.find(({ rerank }) => rerank)?.rerank;
}

/** The answer to a search. Every query finds every document. */
export function searched(
  double: Searched,
  body: Json,
  { documents, parameters }: { readonly documents: number; readonly parameters: URLSearchParams },
): object {
  const { size = 10, ext } = body as { size?: number; ext?: { rerank: { query_context: object } } };
  const name = parameters.get('search_pipeline') ?? '_none';
  const pipeline = name === '_none' ? {} : double.pipelines.get(name);
  if (!pipeline) throw new Refusal(400, 'illegal_argument_exception', `Pipeline ${name} is not defined`);
  const factors = ((pipeline as Processors).request_processors ?? []).map(
    ({ oversample }) => oversample?.sample_factor ?? 1,
  );
  const window = factors.reduce((width, factor) => width * factor, size);
  const hits = Array.from({ length: Math.min(documents, window) }, (_, i) => {
    return { _id: String(i), _score: documents - i };
  });
  const rerank = rerankOf(pipeline);
  const { query_text: query = '' } = (ext?.rerank.query_context ?? {}) as { query_text?: string };
  const { ranked, error } = rerank ? reranked(double, { name, rerank, query }, hits) : { ranked: hits };
  const outcome = { processor_name: 'rerank', status: error === undefined ? 'success' : 'fail', error };
  const isVerbose = parameters.get('verbose_pipeline') === 'true';
  if (error !== undefined && !(isVerbose || rerank?.ignore_failure)) throw error;
  return {
    hits: { hits: ranked.slice(0, size) },
    ...(isVerbose && {
      processor_results: rerank ? [{ ...outcome, ...(error && { error: error.message }) }] : [],
    }),
  };
}

interface Asking {
  readonly name: string;
  readonly rerank: Rerank;
  readonly query: string;
}

function reranked(
  double: Searched,
  { name, rerank, query }: Asking,
  hits: readonly Hit[],
): { readonly ranked: readonly Hit[]; readonly error?: Refusal } {
  const { count, failed } = double.counts.get(name) ?? { count: 0, failed: 0 };
  try {
    const documents = hits.map(({ _id }) => `text of ${_id}`);
    const { model_id: modelId } = rerank.ml_opensearch;
    // Without hits the processor does not ask the model, and counts the search as a success.
    const scores = hits.length === 0 ? [] : double.ask({ modelId, query, documents });
    double.counts.set(name, { count: count + 1, failed });
    const scored = hits.map((hit, i) => ({ ...hit, _score: scores[i]! }));
    return { ranked: scored.sort((one, other) => other._score - one._score) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    double.counts.set(name, { count: count + 1, failed: failed + 1 });
    return { ranked: hits, error };
  }
}
