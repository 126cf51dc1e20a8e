/** Shortlists with judgements, encoded once, on which every setting of a readout is tried. */
import type { BlockState, Shortlist } from '../contract.ts';
import { QueryError } from '../errors.ts';
import { type EvaluationOptions, toShortlist } from '../evaluation/evaluate-collection.ts';
import type { ReadoutHeads } from '../readout/heads.ts';
import type { QueryState } from '../readout/parameters.ts';
import { similarities } from '../readout/reading.ts';
import type { EncodedShortlist, EncoderReranker } from '../rerank/encoder/encoder-reranker.ts';

/** A shortlist, the gains of its documents, and everything that a readout reads of it. */
export interface JudgedList {
  /** Name of the list's collection. */
  readonly set: string;
  /** Query and candidates; texts are dropped once they are encoded. */
  readonly shortlist: Shortlist;
  /** Gain of each candidate, in shortlist order; 0 for documents that are not judged. */
  readonly gains: readonly number[];
  /** Gains of all judged documents, descending. */
  readonly ideal: readonly number[];
  /** The query block's state. */
  readonly query: QueryState;
  /** The candidates' states without their token vectors. */
  readonly states: readonly BlockState[];
  /** The token head's numerators by its temperature, shape `[Q, D]` each. */
  readonly logSums: ReadonlyMap<number, Float64Array>;
  /** Largest cosine of the query's anchor with an anchor of each candidate: for calibration. */
  readonly cosines: readonly number[];
  /** Trained parts of the readout. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
}

/** Options of {@link encodeLists}. */
export interface ListOptions
  extends Pick<EvaluationOptions, 'collection' | 'candidates' | 'firstStage' | 'rankWindowSize'> {
  /** The reranker that makes the states; of tier `tokens`. */
  readonly reranker: EncoderReranker;
  /** Temperatures of the token head that will be tried. */
  readonly tokenTaus: readonly number[];
  /** Called after each query. */
  readonly onProgress?: () => void;
  /** Ends the work, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Encodes the judged shortlists of a collection. Queries whose candidates are all relevant or all not, or that the
 * model cannot read, are left out: any order of such a list is as good as another.
 */
export async function encodeLists(options: ListOptions): Promise<JudgedList[]> {
  const lists: JudgedList[] = [];
  for (const queryId of options.collection.qrels.keys()) {
    const list = await encodeList(queryId, options);
    if (list) lists.push(list);
    options.onProgress?.();
  }
  return lists;
}

async function encodeList(queryId: string, options: ListOptions): Promise<JudgedList | undefined> {
  const { collection, reranker, tokenTaus, signal } = options;
  const shortlist = toShortlist(queryId, options);
  const judged = collection.qrels.get(queryId)!;
  const gains = shortlist.candidates.map(({ docId }) => judged.get(docId) ?? 0);
  if (new Set(gains.map((gain) => gain > 0)).size < 2) return undefined;
  const encoded = await encodeReadable(reranker, shortlist, signal);
  if (!encoded) return undefined;
  const { query, states } = encoded;
  const logSums = new Map<number, Float64Array>();
  for (const tau of tokenTaus) logSums.set(tau, await reranker.tokenLogSums(encoded, tau));
  return {
    set: collection.name,
    shortlist: { ...shortlist, candidates: shortlist.candidates.map((each) => ({ ...each, text: '' })) },
    gains,
    ideal: [...(collection.idealQrels.get(queryId) ?? judged).values()].sort((a, b) => b - a),
    query,
    states: states.map(({ tokens: _, ...state }) => state),
    logSums,
    cosines: states.map(({ anchors }) => Math.max(...similarities(query.anchor, anchors))),
    heads: reranker.heads,
  };
}

/** A list's states; `undefined` for a query that the model cannot read. */
export async function encodeReadable(
  reranker: EncoderReranker,
  shortlist: Shortlist,
  signal: AbortSignal | undefined,
): Promise<EncodedShortlist | undefined> {
  try {
    return await reranker.encode(shortlist, signal ? { signal } : {});
  } catch (error) {
    if (error instanceof QueryError) return undefined;
    throw error;
  }
}
