/**
 * {@link batchLoss} as a graph, for batches that are too large for loops.
 *
 * Axes: `B` pairs of a batch, `U` documents that differ, `W` width.
 */
import * as g from '../../graph/operations/index.ts';
import { input, scalar, times, type Value } from '../../graph/value.ts';
import { openGraph } from '../../session/open-graph.ts';
import type { BatchLoss } from './batch-loss.ts';

/** A batch that has each of its documents once: pairs share the popular ones, a third of 4,096 pairs of WordNet's nouns. */
export interface DistinctBatch {
  /** `[B, W]`. */
  readonly queries: Float32Array;
  /** `[U, W]`. */
  readonly documents: Float32Array;
  /** Which of the documents is each pair's own, `[B]`. */
  readonly own: Int32Array;
  /**
   * What is added to products, `[1, U]` or, with a mask, `[B, U]`: the logarithm of how often the batch has the document,
   * `-Infinity` where a query must not be taught to rank it below its own.
   */
  readonly bias: Float32Array;
}

/** An open graph. */
export interface BatchLossGraph {
  /** The loss; the gradient of documents is `[U, W]`. The smallest share that counts is 2^-126. @throws InferenceError */
  run(batch: DistinctBatch): Promise<BatchLoss>;
  /** Ends it. */
  close(): Promise<void>;
}

/** What a graph is made for. */
export interface BatchLossGraphOptions {
  /** `W`. */
  readonly width: number;
  /** What products are divided by, > 0. */
  readonly temperature: number;
  /** Whether `bias` has a row a query. */
  readonly isMasked: boolean;
}

/** Smallest share whose logarithm is taken: the smallest normal number of float32. */
const leastShare = 2 ** -126;

/** Opens the graph on a worker with one thread. @throws InferenceError */
export async function openBatchLossGraph(options: BatchLossGraphOptions): Promise<BatchLossGraph> {
  const program = await openGraph(lossGraph(options));
  const { width: W, temperature, isMasked } = options;
  return {
    async run({ queries, documents, own, bias }) {
      const [B, U] = [own.length, documents.length / W];
      const places = own.map((document, k) => k * U + document);
      const feeds = {
        queries: { type: 'float32', shape: [B, W], data: queries },
        documents: { type: 'float32', shape: [U, W], data: documents },
        bias: { type: 'float32', shape: [isMasked ? B : 1, U], data: bias },
        places: { type: 'int64', shape: [B], data: BigInt64Array.from(places, BigInt) },
      } as const;
      const answer = await program.run({ feeds, outputs: ['shares', 'toQueries', 'toDocuments'] });
      const numbersOf = (name: string): Float32Array => answer[name]!.data as Float32Array;
      const [queryGradient, documentGradient] = [numbersOf('toQueries'), numbersOf('toDocuments')];
      takeOwn({ queries, documents, own, width: W }, { queryGradient, documentGradient });
      for (const gradient of [queryGradient, documentGradient]) {
        for (let i = 0; i < gradient.length; i += 1) gradient[i]! /= B * temperature;
      }
      const copies = (isMasked ? places : own).map((at) => Math.round(Math.exp(bias[at]!)));
      return { loss: meanLoss(numbersOf('shares'), copies), queryGradient, documentGradient };
    },
    close: () => program.close(),
  };
}

/** Each pair's own share, `[B, 1]`, and both sums of shares times vectors, `[B, W]` and `[U, W]`. */
function lossGraph({ width, temperature, isMasked }: BatchLossGraphOptions): Record<string, Value> {
  const queries = input('queries', 'float32', ['B', width]);
  const documents = input('documents', 'float32', ['U', width]);
  const bias = input('bias', 'float32', [isMasked ? 'B' : 1, 'U']);
  const products = g.matmul(queries, g.turned(documents));
  const shares = g.softmax(g.add(g.multiply(products, scalar(1 / temperature)), bias));
  const flat = g.reshape(shares, [times('B', 'U'), 1], [-1, 1]);
  return {
    shares: g.gather(flat, input('places', 'int64', ['B'])),
    toQueries: g.matmul(shares, documents),
    toDocuments: g.matmul(g.turned(shares), queries),
  };
}

/** Takes from the sums what each pair's own document adds to them when its share is 1. */
function takeOwn(
  {
    queries,
    documents,
    own,
    width: W,
  }: Pick<DistinctBatch, 'queries' | 'documents' | 'own'> & { readonly width: number },
  { queryGradient, documentGradient }: Pick<BatchLoss, 'queryGradient' | 'documentGradient'>,
): void {
  for (const [k, document] of own.entries()) {
    for (let c = 0; c < W; c += 1) {
      queryGradient[k * W + c]! -= documents[document * W + c]!;
      documentGradient[document * W + c]! -= queries[k * W + c]!;
    }
  }
}

/** @param copies - How many pairs have a share together: each has as much of it as the others. */
function meanLoss(shares: Float32Array, copies: Int32Array): number {
  let sum = 0;
  for (const [k, share] of shares.entries()) sum -= Math.log(Math.max(share, leastShare) / copies[k]!);
  return sum / shares.length;
}
