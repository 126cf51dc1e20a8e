/** Reading: the query block's anchor attends to the anchors of the document blocks and moves towards them. */
import { type Projection, projected } from './heads.ts';
import type { ReadoutParameters } from './parameters.ts';
import { softmax } from './softmax.ts';
import { dotRows, isNearer, normalised } from './vectors.ts';

/** The result of reading. */
export interface Reading {
  /** The moved anchor `q'`, shape `[width]`. */
  readonly anchor: Float64Array;
  /** Weight of each block at the last step; sums to 1 (0 everywhere when nothing was read). */
  readonly weights: Float64Array;
  /** `q·a_d` of the query's anchor as it is, shape `[D]`; absent where reading did not need it. */
  readonly cosines?: Float64Array | undefined;
}

/** Weights below this are too small to move the anchor and are not compared for duplicates. */
const negligibleWeight = 1e-6;
/** Most blocks that are compared for duplicates, heaviest first. */
const maxCompared = 64;

/**
 * `q' = normalise(q + alpha * sum_d softmax_d(q·a_d / tau) a_d)`, repeated `readingSteps` times: one attention
 * head over the anchors, whose keys and values are the anchors themselves. Near duplicates share one vote.
 *
 * Axes: `D` blocks of all documents, `W` width.
 *
 * @param query - The query's anchor, shape `[W]`.
 * @param anchors - One vector a block, shape `[D, W]`.
 * @param projection - Of the anchor where it is held against others; it moves as it is. @defaultValue none: identity
 *
 * Source: BlockRank (arXiv:2510.05396) lets the query block attend to every document block; here with at most one learned
 * projection, on the query's side.
 */
export function read(
  query: Float32Array,
  anchors: Float32Array,
  parameters: ReadoutParameters,
  projection?: Projection,
): Reading {
  const W = query.length;
  const D = anchors.length / W;
  let anchor: Float64Array = Float64Array.from(query);
  let weights: Float64Array = new Float64Array(D);
  let cosines: Float64Array | undefined;
  if (D === 0 || parameters.alpha === 0) return { anchor, weights };
  for (let step = 0; step < parameters.readingSteps; step += 1) {
    const asking = projected(anchor, W, projection);
    const near = similarities(asking, anchors);
    if (step === 0 && !projection) cosines = near;
    const logits = near.map((cosine) => cosine / parameters.readingTau);
    weights = votesOnce(softmax(logits), anchors, W, parameters.duplicateCosine);
    const moved = anchor.slice();
    for (let d = 0; d < D; d += 1) {
      const weight = parameters.alpha * weights[d]!;
      if (weight < negligibleWeight) continue;
      for (let k = 0; k < W; k += 1) moved[k] = moved[k]! + weight * anchors[d * W + k]!;
    }
    anchor = normalised(moved);
  }
  return { anchor, weights, cosines };
}

/** `q·a_d` for every block, shape `[D]`. */
export function similarities(query: Float64Array | Float32Array, anchors: Float32Array): Float64Array {
  const W = query.length;
  const result = new Float64Array(anchors.length / W);
  for (let d = 0; d < result.length; d += 1) {
    result[d] = dotRows({ rows: query, row: 0 }, { rows: anchors, row: d }, W);
  }
  return result;
}

/**
 * Divides each weight by the number of its near duplicates, so that a repeated text does not count as several that
 * agree.
 */
function votesOnce(
  weights: Float64Array,
  anchors: Float32Array,
  W: number,
  duplicateCosine: number,
): Float64Array {
  const heavy = [...weights.keys()]
    .filter((d) => weights[d]! > negligibleWeight)
    .sort((a, b) => weights[b]! - weights[a]! || a - b)
    .slice(0, maxCompared);
  // |a - b|^2 = 2 - 2 a·b for rows of length 1.
  const limit = 2 - 2 * duplicateCosine;
  const copies = new Map(heavy.map((d) => [d, 1]));
  heavy.forEach((d, i) => {
    for (const e of heavy.slice(i + 1)) {
      if (!isNearer({ rows: anchors, row: d }, { rows: anchors, row: e }, W, limit)) continue;
      copies.set(d, copies.get(d)! + 1);
      copies.set(e, copies.get(e)! + 1);
    }
  });
  const shared = weights.slice();
  for (const d of heavy) shared[d] = weights[d]! / copies.get(d)!;
  const sum = shared.reduce((total, weight) => total + weight, 0);
  return shared.map((weight) => weight / sum);
}
