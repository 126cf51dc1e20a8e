/**
 * Precedents: queries that somebody judged, and what was relevant for them. A document that was relevant for similar
 * queries gets a larger logit. Axes: `N` judged queries, `W` values a vector.
 */
import type { Candidate, ExplainedPrecedent } from '../contract.ts';
import { textDigest } from '../text-digest.ts';
import { dotRows } from './vectors.ts';

/** A judged query that a document was relevant for. */
export interface Precedent {
  /** Place of the query, from 0 to `N - 1`. */
  readonly query: number;
  /** The judgement over the largest one of its query, in (0, 1]. */
  readonly gain: number;
}

/** What precedents weigh. */
export interface PrecedentKernel {
  /** The most that they add to a logit; 0 leaves every logit as it is. */
  readonly weight: number;
  /** How fast a query counts less as it differs, above 0: one of cosine `c` counts `exp((c - 1) / bandwidth)`. */
  readonly bandwidth: number;
  /** What speaks against every document, above 0, in the same measure: few queries of little likeness say little. */
  readonly prior: number;
}

/** Judged queries. */
export interface Precedents {
  /** `W`. */
  readonly width: number;
  /** Names of the queries, `N` of them. */
  readonly queryIds: readonly string[];
  /** Their anchors of length 1, shape `[N, W]`. */
  readonly anchors: Float32Array;
  /** What each document was relevant for, by its id. */
  readonly byDocId: ReadonlyMap<string, readonly Precedent[]>;
  /** The same by `textDigest` of its text, for documents that come without the id that they were judged by. */
  readonly byText: ReadonlyMap<string, readonly Precedent[]>;
}

/** Judged queries, and what they weigh. */
export interface WeighedPrecedents extends Precedents {
  /** What they weigh. */
  readonly kernel: PrecedentKernel;
}

/** What precedents say of one candidate. */
export interface PrecedentLogit {
  /** What is added to its logit, from 0 to the kernel's weight. */
  readonly logit: number;
  /** The judged query that says the most; absent where the document was relevant for none. */
  readonly query?: ExplainedPrecedent;
}

/** What {@link precedentLogits} reads. */
export interface PrecedentCall {
  /** The query's anchor, of length 1, shape `[W]`. */
  readonly anchor: Float32Array;
  /** Documents, by id or text. */
  readonly candidates: readonly Pick<Candidate, 'docId' | 'text'>[];
  /** Name of a judged query that says nothing. @defaultValue all do */
  readonly except?: string;
}

/**
 * One logit a candidate: `weight · sum_n k_n gain_nd / (prior + sum_n k_n)`, where `k_n = exp((cosine_n - 1) / bandwidth)`
 * and `gain_nd` is 0 for a query that the document was not relevant for.
 *
 * Source of the formula: kernel regression (Nadaraya 1964, Watson 1964), shrunk to 0 by the prior.
 */
export function precedentLogits(
  precedents: Precedents,
  { weight, bandwidth, prior }: PrecedentKernel,
  { anchor, candidates, except }: PrecedentCall,
): PrecedentLogit[] {
  const cosines = cosinesOf(precedents, anchor);
  const kernel = cosines.map((cosine) => Math.exp((cosine - 1) / bandwidth));
  const silent = except === undefined ? -1 : precedents.queryIds.indexOf(except);
  if (silent >= 0) kernel[silent] = 0;
  const total = kernel.reduce((sum, k) => sum + k, prior);
  return candidates.map((candidate) => {
    const parts = judgedFor(precedents, candidate).map(({ query, gain }) => ({
      query,
      part: kernel[query]! * gain,
    }));
    const logit = (weight * parts.reduce((sum, { part }) => sum + part, 0)) / total;
    if (logit === 0) return { logit };
    const { query } = parts.reduce((a, b) => (b.part > a.part ? b : a));
    return { logit, query: { queryId: precedents.queryIds[query]!, cosine: cosines[query]! } };
  });
}

function cosinesOf({ anchors, queryIds, width }: Precedents, anchor: Float32Array): Float64Array {
  const cosines = new Float64Array(queryIds.length);
  const query = { rows: anchor, row: 0 };
  for (let row = 0; row < cosines.length; row += 1)
    cosines[row] = dotRows(query, { rows: anchors, row }, width);
  return cosines;
}

const none: readonly Precedent[] = [];

function judgedFor(
  { byDocId, byText }: Precedents,
  { docId, text }: Pick<Candidate, 'docId' | 'text'>,
): readonly Precedent[] {
  return byDocId.get(docId) ?? (byText.size > 0 ? byText.get(textDigest(text)) : undefined) ?? none;
}
