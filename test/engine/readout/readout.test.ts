import { describe, expect, it } from 'vitest';
import type { BlockState } from '../../../engine/index.ts';
import { readOut } from '../../../engine/readout/readout.ts';
import { softmax } from '../../../engine/readout/softmax.ts';
import { tokenLogMasses } from '../../../engine/readout/token-head.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import {
  randomNumbers,
  tinyQuery,
  tinyReadout,
  tinyState,
  unitRows,
} from '../../support/tiny/tiny-states.ts';

const width = 8;

/** The formulas of the model card, written out slowly over plain arrays. */
function slowLogits(
  query: { anchor: Float32Array; tokens: Float32Array },
  documents: readonly BlockState[],
  parameters: typeof tinyReadout,
): number[] {
  const rows = (matrix: Float32Array): number[][] =>
    Array.from({ length: matrix.length / width }, (_, r) => [...matrix.subarray(r * width, (r + 1) * width)]);
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, v, k) => sum + v * b[k]!, 0);
  const anchors = documents.map(({ anchors: own }) => rows(own)[0]!);
  let q = [...query.anchor];
  const weights = softmax(anchors.map((a) => dot(q, a) / parameters.readingTau));
  q = q.map((v, k) => v + parameters.alpha * anchors.reduce((sum, a, d) => sum + weights[d]! * a[k]!, 0));
  const norm = Math.hypot(...q);
  q = q.map((v) => v / norm);
  const exps = documents.map(({ tokens }) =>
    rows(query.tokens).map((t) =>
      rows(tokens!).reduce((sum, x) => sum + Math.exp(dot(t, x) / parameters.tokenTau), 0),
    ),
  );
  return documents.map((_, d) => {
    const masses = rows(query.tokens).map((_t, i) => exps[d]![i]! / exps.reduce((sum, e) => sum + e[i]!, 0));
    const pooled =
      parameters.pooling === 'arithmetic'
        ? Math.log(masses.reduce((sum, m) => sum + m, 0) / masses.length)
        : masses.reduce((sum, m) => sum + Math.log(m), 0) / masses.length;
    return dot(q, anchors[d]!) / parameters.anchorTau + parameters.tokenWeight * pooled;
  });
}

describe('readOut', () => {
  it.each(['arithmetic', 'geometric'] as const)(
    'agrees with the formulas written out (%s pooling)',
    (pooling) => {
      const next = randomNumbers(7);
      const query = tinyQuery(3, width, next);
      const states = [4, 7, 5].map((tokens) => tinyState([tokens], width, next));
      const parameters = { ...tinyReadout, pooling };
      assertAllClose(readOut(query, states, parameters).logits, slowLogits(query, states, parameters), {
        atol: 1e-6,
      });
    },
  );

  it('scores a document the same wherever it stands in the list', () => {
    const next = randomNumbers(3);
    const query = tinyQuery(2, width, next);
    const states = [3, 4, 5, 6].map((tokens) => tinyState([tokens], width, next));
    const forwards = readOut(query, states, tinyReadout).logits;
    const backwards = readOut(query, states.toReversed(), tinyReadout).logits;
    assertAllClose(forwards, backwards.toReversed(), { atol: 1e-9 });
  });

  it('lets a near duplicate vote once: repeating a document moves the query no further', () => {
    const next = randomNumbers(11);
    const query = tinyQuery(2, width, next);
    const [a, b] = [tinyState([3], width, next), tinyState([4], width, next)];
    const anchorsOnly = { ...tinyReadout, tokenWeight: 0 };
    const once = readOut(query, [a, b], anchorsOnly).logits;
    const thrice = readOut(query, [a, b, b, b], anchorsOnly).logits;
    assertAllClose(thrice.subarray(0, 2), once, { atol: 1e-9 });
  });

  it('joins the blocks of a long document by the sum of their masses, or by the largest', () => {
    const next = randomNumbers(5);
    const query = tinyQuery(2, width, next);
    const long = tinyState([3, 4], width, next);
    const short = tinyState([5], width, next);
    const apart: BlockState[] = [
      {
        ...long,
        blockTokens: [3],
        anchors: long.anchors.slice(0, width),
        tokens: long.tokens!.slice(0, 3 * width),
      },
      {
        ...long,
        blockTokens: [4],
        anchors: long.anchors.slice(width),
        tokens: long.tokens!.slice(3 * width),
      },
      short,
    ];
    const blocks = readOut(query, apart, tinyReadout).logits;
    const sum = readOut(query, [long, short], { ...tinyReadout, blockJoin: 'sum' }).logits;
    const max = readOut(query, [long, short], { ...tinyReadout, blockJoin: 'max' }).logits;
    expect(sum[0]).toBeCloseTo(Math.log(Math.exp(blocks[0]!) + Math.exp(blocks[1]!)), 9);
    expect(max[0]).toBeCloseTo(Math.max(blocks[0]!, blocks[1]!), 9);
    expect(max[1]).toBeCloseTo(blocks[2]!, 9);
  });

  it('leaves the token head out with anchor states', () => {
    const next = randomNumbers(9);
    const { tokens: _tokens, ...anchor } = tinyState([3], width, next);
    const result = readOut(tinyQuery(2, width, next), [anchor], tinyReadout);
    expect(result.tokenLogits).toBeUndefined();
    expect([...result.logits]).toEqual([...result.anchorLogits]);
  });

  it('calibrates a score that does not depend on the rest of the list', () => {
    const next = randomNumbers(13);
    const query = tinyQuery(2, width, next);
    const states = [3, 4].map((tokens) => tinyState([tokens], width, next));
    const alone = readOut(query, states.slice(0, 1), tinyReadout).calibratedScores[0];
    expect(readOut(query, states, tinyReadout).calibratedScores[0]).toBe(alone);
    expect(alone).toBeGreaterThan(0);
    expect(alone).toBeLessThan(1);
  });
});

describe('tokenLogMasses', () => {
  it('sums to one over the list for every query token, also for lists of thousands of tokens', () => {
    const next = randomNumbers(1);
    const query = { width, tokens: unitRows(2, width, next) };
    const states = Array.from({ length: 50 }, (_, i) => tinyState([1 + (i % 90), 3], width, next));
    const masses = tokenLogMasses(query, states, 0.01).map(Math.exp);
    const row = masses.length / 2;
    expect(masses.subarray(0, row).reduce((sum, m) => sum + m, 0)).toBeCloseTo(1, 9);
    expect(masses.subarray(row).reduce((sum, m) => sum + m, 0)).toBeCloseTo(1, 9);
  });
});
