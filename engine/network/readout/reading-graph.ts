/** Reading as a graph: what `read` computes. Axes: `D` blocks of all documents, `W` width. */
import * as g from '../../graph/operations/index.ts';
import { scalar, type Value } from '../../graph/value.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { normalisedRows } from './rows.ts';

/** Numbers and projection of the reading step. */
export interface ReadingSettings extends Pick<ReadoutParameters, 'readingSteps' | 'duplicateCosine'> {
  /** How far the anchor moves, float32 `[]`. */
  readonly alpha: Value;
  /** Temperature, float32 `[]`. */
  readonly readingTau: Value;
  /** Of the anchor where it is held against others. */
  readonly project: (rows: Value) => Value;
}

/** Weights below this neither move the anchor nor are compared for duplicates, as in `read`. */
const negligible = 1e-6;

/** The anchor that has read, `[1, W]`. @param query - `[1, W]`. @param anchors - `[D, W]`. */
export function readAnchors(query: Value, anchors: Value, settings: ReadingSettings): Value {
  const { alpha, readingTau, readingSteps, duplicateCosine, project } = settings;
  const near = readingSteps > 0 ? nearDuplicates(anchors, duplicateCosine) : undefined;
  let anchor = query;
  for (let step = 0; near && step < readingSteps; step += 1) {
    const weights = g.softmax(g.divide(g.linear(project(anchor), anchors), readingTau));
    const moved = g.multiply(alpha, votedOnce(weights, near));
    const taken = g.multiply(moved, maskOf(moved, negligible));
    anchor = normalisedRows(g.add(anchor, g.matmul(taken, anchors)));
  }
  return anchor;
}

/** 1 for each pair of blocks that are near duplicates, a block and itself too, `[D, D]`. */
function nearDuplicates(anchors: Value, duplicateCosine: number): Value {
  const squares = g.sumLast(g.multiply(anchors, anchors));
  const products = g.multiply(g.linear(anchors, anchors), scalar(2));
  const distances = g.subtract(g.add(squares, g.turned(squares)), products);
  // |a - b|^2 = 2 - 2 a·b for rows of length 1; equal rows are a rounding apart.
  return g.cast(g.isGreater(scalar(2 - 2 * duplicateCosine + 1e-6), g.detached(distances)), 'float32');
}

/** Weights `[1, D]` divided by the number of near duplicates that have weight, and made to sum to 1. */
function votedOnce(weights: Value, near: Value): Value {
  const heavy = maskOf(weights, negligible);
  const copies = g.multiply(heavy, g.subtract(g.matmul(heavy, near), scalar(1)));
  const shared = g.divide(weights, g.add(copies, scalar(1)));
  return g.divide(shared, g.sumLast(shared));
}

/** 1 where a value is above the limit, else 0; a constant for gradients, since it stays the same around almost every point. */
const maskOf = (x: Value, limit: number): Value =>
  g.cast(g.isGreater(g.detached(x), scalar(limit)), 'float32');
