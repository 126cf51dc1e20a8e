/** What one reranker loses and costs, query by query: what a router needs to know of it. */
import type { Reranker } from '../contract.ts';
import { QueryError } from '../errors.ts';
import { type EvaluationOptions, toShortlist } from './evaluate-collection.ts';
import { evaluateRun, type Measure } from './measures.ts';
import type { Run, RunEntry } from './trec.ts';

/** Options of {@link measureReranker}. */
export interface RerankerMeasurement
  extends Pick<EvaluationOptions, 'collection' | 'candidates' | 'firstStage' | 'rankWindowSize' | 'signal'> {
  /** Judged queries that are ranked. */
  readonly queryIds: readonly string[];
  /** The measure whose 1 - value is the loss. */
  readonly measure: Measure;
  /**
   * `cold`: each list is ranked once. `warm`: twice, and the second time counts, with the block states that the first one
   * left behind.
   */
  readonly costs: 'cold' | 'warm';
  /** Called after each query. */
  readonly onProgress?: (done: number) => void;
}

/** One reranker's measured losses and cost. */
export interface MeasuredReranker {
  /** 1 - measure by query id, in [0, 1]: every query with a relevant document. */
  readonly losses: ReadonlyMap<string, number>;
  /** Mean milliseconds of a query. */
  readonly costMs: number;
}

/** Ranks every query and takes the time. A query that the reranker cannot read keeps its first-stage order. */
export async function measureReranker(
  reranker: Reranker,
  options: RerankerMeasurement,
): Promise<MeasuredReranker> {
  const { collection, measure, queryIds } = options;
  const run: Map<string, readonly RunEntry[]> = new Map();
  let totalMs = 0;
  for (const [done, queryId] of queryIds.entries()) {
    const { entries, ms } = await ranked(reranker, queryId, options);
    totalMs += ms;
    run.set(queryId, entries);
    options.onProgress?.(done + 1);
  }
  return {
    losses: lossesOf(run, { collection, measure, queryIds }),
    costMs: totalMs / Math.max(1, queryIds.length),
  };
}

function lossesOf(
  run: Run,
  { collection, measure, queryIds }: Pick<RerankerMeasurement, 'collection' | 'measure' | 'queryIds'>,
): ReadonlyMap<string, number> {
  const asked = new Set(queryIds);
  const values = evaluateRun(run, collection, measure);
  return new Map([...values].filter(([id]) => asked.has(id)).map(([id, value]) => [id, 1 - value]));
}

async function ranked(
  reranker: Reranker,
  queryId: string,
  options: RerankerMeasurement,
): Promise<{ readonly entries: readonly RunEntry[]; readonly ms: number }> {
  const shortlist = toShortlist(queryId, options);
  const call = options.signal ? { signal: options.signal } : {};
  const order = async (): Promise<readonly number[]> => {
    try {
      return (await reranker.rerank(shortlist, call)).candidates.map(({ index }) => index);
    } catch (error) {
      if (error instanceof QueryError) return [...shortlist.candidates.keys()];
      throw error;
    }
  };
  if (options.costs === 'warm') await order();
  const started = performance.now();
  const indices = await order();
  const ms = performance.now() - started;
  const entries = indices.map((index, i) => ({
    docId: shortlist.candidates[index]!.docId,
    score: indices.length - i,
  }));
  return { entries, ms };
}
