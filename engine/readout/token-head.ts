/** The token head: attention mass that the query's own tokens pay to the tokens of each block. */
import type { BlockState } from '../contract.ts';
import type { QueryState } from './parameters.ts';
import { logSumExp } from './softmax.ts';
import { dotRows } from './vectors.ts';

/**
 * `log sum_j exp(q_i·x_dj / tau)` for each query token `i` and block `d`: the numerators of the masses.
 *
 * Axes: `Q` query tokens, `D` blocks of all documents.
 *
 * @returns Row-major, shape `[Q, D]`.
 */
export function tokenLogSums(
  query: Pick<QueryState, 'tokens' | 'width'>,
  states: readonly BlockState[],
  tau: number,
): Float64Array {
  const W = query.width;
  const Q = query.tokens.length / W;
  const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  const result = new Float64Array(Q * D);
  for (let i = 0; i < Q; i += 1) {
    let d = 0;
    for (const { tokens, blockTokens } of states) {
      let first = 0;
      for (const count of blockTokens) {
        const logits = new Float64Array(count);
        for (let j = 0; j < count; j += 1) {
          logits[j] = dotRows({ rows: query.tokens, row: i }, { rows: tokens!, row: first + j }, W) / tau;
        }
        result[i * D + d] = logSumExp(logits);
        first += count;
        d += 1;
      }
    }
  }
  return result;
}

/**
 * Log of the mass of each block: softmax over all tokens of all documents, summed inside the block, as a
 * difference of log-sum-exp. `exp` of each row sums to 1.
 *
 * @param logSums - From {@link tokenLogSums}, shape `[Q, D]`.
 * @returns Shape `[Q, D]`.
 */
export function toLogMasses(logSums: Float64Array, D: number): Float64Array {
  const result = new Float64Array(logSums.length);
  for (let row = 0; row < logSums.length; row += D) {
    const total = logSumExp(logSums.subarray(row, row + D));
    for (let d = 0; d < D; d += 1) result[row + d] = logSums[row + d]! - total;
  }
  return result;
}

/** {@link tokenLogSums}, then {@link toLogMasses}: shape `[Q, D]`. */
export function tokenLogMasses(
  query: Pick<QueryState, 'tokens' | 'width'>,
  states: readonly BlockState[],
  tau: number,
): Float64Array {
  const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  return toLogMasses(tokenLogSums(query, states, tau), D);
}

/**
 * One number a block: `log mean_i m_id` (arithmetic) or `mean_i log m_id` (geometric, a soft MaxSim).
 *
 * @param logMasses - Shape `[Q, D]`, `Q` at least 1.
 */
export function poolMasses(
  logMasses: Float64Array,
  D: number,
  pooling: 'arithmetic' | 'geometric',
): Float64Array {
  const Q = logMasses.length / D;
  const result = new Float64Array(D);
  const column = new Float64Array(Q);
  for (let d = 0; d < D; d += 1) {
    for (let i = 0; i < Q; i += 1) column[i] = logMasses[i * D + d]!;
    result[d] =
      pooling === 'arithmetic'
        ? logSumExp(column) - Math.log(Q)
        : column.reduce((sum, value) => sum + value, 0) / Q;
  }
  return result;
}
