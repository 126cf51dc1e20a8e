/** Loss of a stage's batches, and what it says to the tables: by loops, or by a graph where batches are large. */
import { type BatchLoss, batchLoss } from './batch-loss.ts';
import { type DistinctBatch, openBatchLossGraph } from './batch-loss-graph.ts';
import { type EncoderPair, tableGradient, vectorsOf } from './encoder-pair.ts';
import type { MatchList, MatchPairs } from './matches.ts';
import type { HierarchyStage } from './settings.ts';

/** Loss of a batch. */
export interface TableLoss {
  /** Mean over the pairs. */
  readonly loss: number;
  /** Of the tables `queries` and `documents`. */
  readonly gradients: ReadonlyMap<'queries' | 'documents', Float32Array>;
}

/** Computes losses until it is closed. */
export interface StageLoss {
  /** @throws InferenceError where a graph cannot be run. */
  of(batch: MatchPairs): Promise<TableLoss>;
  /** Ends it. */
  close(): Promise<void>;
}

/** Pairs from which a graph is faster than loops, at 8 and at 32 values a vector (2026-11-28, two shared cores). */
export const leastGraphBatch = 128;

/** Opens the loss of a stage. @param matches - What each query matches. @throws InferenceError */
export async function openStageLoss(
  pair: EncoderPair,
  stage: Pick<HierarchyStage, 'batch' | 'temperature' | 'masksMatches'>,
  matches: readonly MatchList[],
): Promise<StageLoss> {
  const { batch: pairs, temperature, masksMatches: isMasked = false } = stage;
  const markMatches = isMasked ? matchMarker(matches, pair.documents.bags.length) : undefined;
  if (pairs < leastGraphBatch) {
    return {
      of: async (batch) => toTables(pair, batch, loopLoss(pair, batch, { temperature, markMatches })),
      close: async () => {},
    };
  }
  const graph = await openBatchLossGraph({ width: pair.queries.table.shape[1], temperature, isMasked });
  return {
    async of({ queries, documents }) {
      const { places, batch } = distinctBatch(pair, { queries, documents }, markMatches);
      return toTables(pair, { queries, documents: places }, await graph.run(batch));
    },
    close: () => graph.close(),
  };
}

function toTables(
  { queries, documents }: EncoderPair,
  places: MatchPairs,
  { loss, queryGradient, documentGradient }: BatchLoss,
): TableLoss {
  return {
    loss,
    gradients: new Map([
      ['queries', tableGradient(queries, places.queries, queryGradient)],
      ['documents', tableGradient(documents, places.documents, documentGradient)],
    ]),
  };
}

/** Calls `mark` with the index of each of some documents that is known to match a query. */
type MarkMatches = (query: number, documents: Int32Array, mark: (index: number) => void) => void;

/** @param count - Documents in all. */
function matchMarker(matches: readonly MatchList[], count: number): MarkMatches {
  const isMatch = new Uint8Array(count);
  return (query, documents, mark) => {
    const own = matches[query]!.documents;
    for (const document of own) isMatch[document] = 1;
    for (let j = 0; j < documents.length; j += 1) if (isMatch[documents[j]!]) mark(j);
    for (const document of own) isMatch[document] = 0;
  };
}

function loopLoss(
  { queries, documents }: EncoderPair,
  batch: MatchPairs,
  {
    temperature,
    markMatches,
  }: { readonly temperature: number; readonly markMatches: MarkMatches | undefined },
): BatchLoss {
  const vectors = {
    queries: vectorsOf(queries, batch.queries),
    documents: vectorsOf(documents, batch.documents),
    width: queries.table.shape[1],
  };
  const maskOf =
    markMatches &&
    ((k: number, mask: Uint8Array) => {
      markMatches(batch.queries[k]!, batch.documents, (j) => {
        mask[j] = 1;
      });
    });
  return batchLoss(vectors, { temperature, maskOf });
}

/** A batch with each document once, and the documents' places. */
function distinctBatch(
  { queries, documents }: EncoderPair,
  batch: MatchPairs,
  markMatches: MarkMatches | undefined,
): { readonly places: Int32Array; readonly batch: DistinctBatch } {
  const indices = new Map<number, number>();
  const own = batch.documents.map((place) => {
    const index = indices.get(place) ?? indices.size;
    indices.set(place, index);
    return index;
  });
  const places = Int32Array.from(indices.keys());
  return {
    places,
    batch: {
      queries: vectorsOf(queries, batch.queries),
      documents: vectorsOf(documents, places),
      own,
      bias: biasOf(batch.queries, { places, own, markMatches }),
    },
  };
}

/** See `DistinctBatch.bias`. A query's own document counts once beside its mask, however many pairs of the batch have it. */
function biasOf(
  queries: Int32Array,
  {
    places,
    own,
    markMatches,
  }: {
    readonly places: Int32Array;
    readonly own: Int32Array;
    readonly markMatches: MarkMatches | undefined;
  },
): Float32Array {
  const U = places.length;
  const counts = new Float32Array(U);
  for (const index of own) counts[index]! += 1;
  const common = counts.map(Math.log);
  if (!markMatches) return common;
  const bias = new Float32Array(queries.length * U);
  for (const [k, query] of queries.entries()) {
    bias.set(common, k * U);
    markMatches(query, places, (j) => {
      bias[k * U + j] = Number.NEGATIVE_INFINITY;
    });
    bias[k * U + own[k]!] = 0;
  }
  return bias;
}
