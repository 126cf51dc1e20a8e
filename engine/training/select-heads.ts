/**
 * Finds the heads of a decoder that tell relevant documents from others.
 *
 * Source: QRHead (arXiv:2506.09944): heads are ranked by the nDCG@10 of the order that each alone gives.
 */
import { QueryError } from '../errors.ts';
import { type EvaluationOptions, toShortlist } from '../evaluation/evaluate-collection.ts';
import { evaluateRun, mean, parseMeasure } from '../evaluation/measures.ts';
import { seededRandom, shuffled } from '../evaluation/random.ts';
import type { LayerRange } from '../model/decoder-manifest.ts';
import type { DecoderReranker } from '../rerank/decoder/decoder-reranker.ts';

/** Options of {@link selectHeads}. */
export interface HeadSelectionOptions
  extends Pick<EvaluationOptions, 'collection' | 'candidates' | 'firstStage' | 'rankWindowSize'> {
  /** A decoder that is read without training. */
  readonly reranker: DecoderReranker;
  /** The first layer of its manifest: heads are numbered from the network's own first. */
  readonly firstLayer: number;
  /** Seed of the shuffling of documents. */
  readonly seed: number;
  /** Called after each query. */
  readonly onProgress?: (done: number) => void;
  /** Ends the work, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** One head and how well it orders. */
export interface MeasuredHead {
  /** 0-based layer of the network. */
  readonly layer: number;
  /** 0-based head of the layer. */
  readonly head: number;
  /** Mean nDCG@10 of the head's order. */
  readonly mean: number;
}

/**
 * Every head by how well it orders judged lists, best first. Each list is shuffled: with the relevant document always
 * at one position, heads that only read positions would win.
 */
export async function selectHeads(options: HeadSelectionOptions): Promise<MeasuredHead[]> {
  const { collection, reranker, seed, signal } = options;
  const random = seededRandom(seed);
  const sums: number[][] = [];
  let heads = 0;
  let done = 0;
  for (const [queryId, judged] of collection.qrels) {
    const list = toShortlist(queryId, options);
    const candidates = shuffled(list.candidates, random);
    const gains = candidates.map(({ docId }) => judged.get(docId) ?? 0);
    done += 1;
    if (new Set(gains.map((gain) => gain > 0)).size < 2) continue;
    const answer = await reranker
      .headScores({ ...list, candidates }, signal ? { signal } : {})
      .catch((error: unknown) => {
        if (error instanceof QueryError) return undefined;
        throw error;
      });
    if (answer) {
      heads = answer.shape[1];
      sums.push(
        orders(
          answer.scores,
          candidates.map(({ docId }) => docId),
          queryId,
          judged,
        ),
      );
    }
    options.onProgress?.(done);
  }
  const count = sums[0]?.length ?? 0;
  return Array.from({ length: count }, (_, at) => ({
    layer: options.firstLayer + Math.floor(at / heads),
    head: at % heads,
    mean: mean(sums.map((own) => own[at]!)),
  })).sort((a, b) => b.mean - a.mean || a.layer - b.layer || a.head - b.head);
}

const measure = parseMeasure('nDCG@10');

/** nDCG@10 of each head's order. */
function orders(
  scores: Float64Array,
  docIds: readonly string[],
  queryId: string,
  judged: ReadonlyMap<string, number>,
): number[] {
  const count = scores.length / docIds.length;
  return Array.from({ length: count }, (_, at) => {
    const own = scores.subarray(at * docIds.length, (at + 1) * docIds.length);
    const order = [...docIds.keys()].sort((a, b) => own[b]! - own[a]! || a - b);
    const run = new Map([[queryId, order.map((index) => ({ docId: docIds[index]!, score: own[index]! }))]]);
    return evaluateRun(run, { qrels: new Map([[queryId, judged]]) }, measure).get(queryId)!;
  });
}

/** The run of layers of a given length whose heads order best on average. */
export function bestWindow(heads: readonly MeasuredHead[], length: number): LayerRange {
  const layers = [...new Set(heads.map(({ layer }) => layer))].sort((a, b) => a - b);
  const meanOf = (layer: number): number =>
    mean(heads.filter((head) => head.layer === layer).map((head) => head.mean));
  const starts = layers.slice(0, Math.max(1, layers.length - length + 1));
  const worth = starts.map((from) =>
    mean(layers.filter((layer) => layer >= from && layer < from + length).map(meanOf)),
  );
  const from = starts[worth.indexOf(Math.max(...worth))]!;
  return { from, to: Math.min(from + length, layers.at(-1)! + 1) };
}
