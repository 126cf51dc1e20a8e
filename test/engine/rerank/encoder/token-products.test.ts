import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockState } from '../../../../engine/contract.ts';
import { tokenLogSums } from '../../../../engine/readout/token-head.ts';
import { dotRows } from '../../../../engine/readout/vectors.ts';
import { openTokenProducts, type TokenProducts } from '../../../../engine/rerank/encoder/token-products.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';

const width = 64;
let products: TokenProducts;
beforeAll(async () => {
  products = await openTokenProducts(width, 1);
});
afterAll(() => products.release());

/** Rows of length 1, another for every seed. */
function rowsOf(count: number, seed: number): Float32Array {
  const rows = Float32Array.from({ length: count * width }, (_, i) => Math.sin(1 + (i + 1) * (seed + 1.7)));
  for (let row = 0; row < count; row += 1) {
    const vector = rows.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...vector);
    vector.forEach((value, k) => {
      vector[k] = value / length;
    });
  }
  return rows;
}

const stateOf = (blockTokens: readonly number[], seed: number): BlockState & { tokens: Float32Array } => ({
  width,
  blockTokens,
  anchors: new Float32Array(width * blockTokens.length),
  tokens: rowsOf(
    blockTokens.reduce((sum, count) => sum + count, 0),
    seed,
  ),
  truncatedTokens: 0,
});

const queryTokens = 5;
const query = { tokens: rowsOf(queryTokens, 99), width };

/** The best of every run of 24 tokens that begins at a multiple of 6, by its definition. */
function passageMatchesOf(states: readonly (BlockState & { tokens: Float32Array })[]): number[] {
  return states.flatMap(({ tokens, blockTokens }) => {
    let first = 0;
    return blockTokens.map((count) => {
      const begin = first;
      first += count;
      const starts = Array.from({ length: count }, (_, j) => j).filter(
        (j) => j % 6 === 0 && j < Math.max(1, count - 18),
      );
      return Math.max(
        ...starts.map((start) => {
          let sum = 0;
          for (let i = 0; i < queryTokens; i += 1) {
            const cosines = Array.from({ length: Math.min(24, count - start) }, (_, j) =>
              dotRows({ rows: query.tokens, row: i }, { rows: tokens, row: begin + start + j }, width),
            );
            sum += Math.max(...cosines);
          }
          return sum / queryTokens;
        }),
      );
    });
  });
}

describe('the products of the token head', () => {
  it.each([
    ['the shipped temperature', 0.05],
    ['one at which exponentials would be 0 in float32', 0.004],
    ['a high one', 3],
  ])('are those of the reference at %s', async (_name, tau) => {
    const states = [
      stateOf([3], 1),
      stateOf([7, 1, 4], 2),
      stateOf([40], 3),
      stateOf([12, 13, 19, 24, 25], 4),
    ];
    const expected = tokenLogSums(query, states, tau);
    const { logSums, passageMatches } = await products.sums(query, states, tau);
    assertAllClose(logSums, expected, { atol: 2e-6 / tau });
    assertAllClose(passageMatches, passageMatchesOf(states), { atol: 1e-5 });
  });

  it('are the same of a list that takes several runs, and of one document longer than a run', async () => {
    // A run takes 4096 rows of this width.
    const states = [stateOf([5000], 1), ...Array.from({ length: 30 }, (_, i) => stateOf([300], i + 2))];
    const expected = tokenLogSums(query, states, 0.05);
    const { logSums, passageMatches } = await products.sums(query, states, 0.05);
    assertAllClose(logSums, expected, { atol: 1e-4 });
    assertAllClose(passageMatches, passageMatchesOf(states), { atol: 1e-5 });
  });

  it('leave nothing of one list in the next, whatever their lengths', async () => {
    const [long, short] = [[stateOf([4000], 5)], [stateOf([2], 6), stateOf([3], 7)]];
    const alone = await products.sums(query, short, 0.05);
    await products.sums(query, long, 0.05);
    expect(await products.sums(query, short, 0.05)).toEqual(alone);
  });

  it('are none of no documents', async () => {
    expect(await products.sums(query, [], 0.05)).toEqual({
      logSums: new Float64Array(0),
      passageMatches: new Float64Array(0),
    });
  });
});
