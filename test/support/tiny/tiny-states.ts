/** Tiny complete states for readout tests. */
import type { BlockState } from '../../../engine/index.ts';
import type { QueryState, ReadoutParameters } from '../../../engine/readout/parameters.ts';

/** Deterministic numbers in [-1, 1). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Rows of length 1. */
export function unitRows(rows: number, width: number, next: () => number): Float32Array {
  const result = new Float32Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const values = Array.from({ length: width }, next);
    const norm = Math.hypot(...values);
    result.set(
      values.map((value) => value / norm),
      row * width,
    );
  }
  return result;
}

/** A document state with random vectors. */
export function tinyState(blockTokens: readonly number[], width: number, next: () => number): BlockState {
  const tokens = blockTokens.reduce((sum, count) => sum + count, 0);
  return {
    width,
    blockTokens,
    anchors: unitRows(blockTokens.length, width, next),
    tokens: unitRows(tokens, width, next),
    truncatedTokens: 0,
  };
}

/** A query state with random vectors. */
export function tinyQuery(tokens: number, width: number, next: () => number): QueryState {
  return {
    width,
    anchor: unitRows(1, width, next),
    tokens: unitRows(tokens, width, next),
    blockTokens: tokens + 2,
    truncatedTokens: 0,
  };
}

/** The starting values of the shipped model's readout. */
export const tinyReadout: ReadoutParameters = {
  alpha: 1,
  readingTau: 0.05,
  readingSteps: 1,
  anchorTau: 0.05,
  tokenTau: 0.05,
  tokenWeight: 1,
  pooling: 'arithmetic',
  blockJoin: 'sum',
  duplicateCosine: 0.999,
  calibration: { slope: 10, intercept: -5 },
};
