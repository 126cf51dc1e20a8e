import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, TrecFormatError } from '../../../engine/index.ts';
import {
  type aggregations,
  balanceOver,
  type FusionList,
  fitFusion,
  fuse,
  type LabelJudgement,
  type LabelledPair,
  type LabelReport,
  type LabelSource,
  type LabelTable,
  labelReport,
  lossWeights,
  mean,
  measureLabels,
  mergeLabels,
  mergeTable,
  pairCost,
  parseMeasure,
  readLabels,
  seededRandom,
  toLabelTable,
  toQrels,
  toWholeValues,
} from '../../../engine/laboratory.ts';

/** Pairs of one query from what labels say of each. */
function tableOf(rows: readonly (readonly number[])[], labels: readonly string[] = ['a', 'b']): LabelTable {
  const pairs = rows.map((relevance, i) => ({ queryId: 'q', docId: `d${i}`, grades: relevance, relevance }));
  return { labels, pairs, dropped: 0 };
}

/** Independent labels of the marginals `first / 10` and `second / 10`, in exact proportion: 100 pairs. */
function independent(first: number, second: number): LabelTable {
  const ten = [...Array(10).keys()];
  return tableOf(ten.flatMap((i) => ten.map((j) => [Number(i < first), Number(j < second)])));
}

const judgement = (label: string, docId: string, grade: number, line: number): LabelJudgement => ({
  label,
  queryId: 'q',
  docId,
  grade,
  path: 'x.tsv',
  line,
  text: `q\t${docId}\t${label}\t${grade}`,
});

const labelsOf = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 });

describe('mergeLabels', () => {
  it('adds, multiplies, or adds with weights', () => {
    expect(mergeLabels([1, 0, 2], 'sum')).toBe(3);
    expect(mergeLabels([1, 2, 3], 'product')).toBe(6);
    expect(mergeLabels([1, 0, 2], 'weighted', [0.5, 9, 2])).toBe(4.5);
  });

  it('does not depend on the order of the labels', () => {
    const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fractions, fc.integer(), (labels, seed) => {
        const random = seededRandom(seed);
        const mixed = labels.map((label) => [random(), label] as const).sort(([a], [b]) => a - b);
        for (const merging of ['sum', 'product'] as const)
          expect(
            mergeLabels(
              mixed.map(([, label]) => label),
              merging,
            ),
          ).toBe(mergeLabels(labels, merging));
      }),
    );
  });

  it('is a product of 0 where one label is 0, and a sum where all weights are 1', () => {
    fc.assert(
      fc.property(labelsOf, (labels) => {
        expect(mergeLabels([...labels, 0], 'product')).toBe(0);
        const ones = labels.map(() => 1);
        expect(mergeLabels(labels, 'weighted', ones)).toBe(mergeLabels(labels, 'sum'));
      }),
    );
  });

  it('counts labels below 0 as 0, as the measures do', () => {
    expect(mergeLabels([-1, 2], 'sum')).toBe(2);
    expect(mergeLabels([-1, -2], 'product')).toBe(0);
  });

  it('refuses weights and labels that are none', () => {
    for (const weights of [[1], [1, Number.NaN], [1, -1], [0, 0]])
      expect(() => mergeLabels([1, 1], 'weighted', weights)).toThrow(RangeError);
    expect(() => mergeLabels([1, Number.NaN], 'sum')).toThrow(RangeError);
    expect(() => mergeLabels([], 'sum')).toThrow(RangeError);
  });
});

describe('lossWeights', () => {
  it('divides by the variance of each label', () => {
    expect(lossWeights([0.5, 0.2], [1, 2])).toEqual([4, 2 / (0.2 * 0.8)]);
  });

  it('refuses a label that makes no pair', () => {
    expect(() => lossWeights([0.5, 1])).toThrow('expected marginals inside (0, 1), got 1');
  });
});

describe('pairCost', () => {
  it('is the difference of the merged labels, in one direction', () => {
    expect([pairCost(3, 1), pairCost(1, 3), pairCost(2, 2)]).toEqual([2, 0, 0]);
  });
});

describe('labelReport', () => {
  it('predicts the dictatorship of certain labels, worked by hand', () => {
    const report = labelReport(independent(5, 4));
    expect(report.labels.map(({ marginal }) => marginal)).toEqual([0.5, 0.4]);
    expect(report.labels.map(({ lossWeight }) => lossWeight)).toEqual([4, 1 / (0.4 * 0.6)]);
    expect(report.dictator).toBe('b');
    // With loss, b orders and a breaks ties: .4 * .6 + (.4^2 + .6^2) of a's pairs are in order.
    expect(report.predicted.loss.auc['b']).toBe(1);
    expect(report.predicted.loss.auc['a']).toBeCloseTo(0.76, 12);
    // With sum, (1, 0) and (0, 1) tie: half of .24 of a's pairs, and of .25 of b's, are lost.
    expect(report.predicted.sum.auc['a']).toBeCloseTo(0.88, 12);
    expect(report.predicted.sum.auc['b']).toBeCloseTo(0.875, 12);
    expect(report.predicted.sum.gap).toBeLessThanOrEqual(0.03);
    expect(report.predicted.sum.min).toBeGreaterThanOrEqual(0.85);
    // With product, only (1, 1) stands out.
    expect(report.predicted.product.auc).toEqual({ a: expect.closeTo(0.7, 12), b: expect.closeTo(0.75, 12) });
    expect(report.worseThanLoss).not.toContain('sum');
  });

  it('makes the rarer label the dictator, whichever it is', () => {
    expect(labelReport(independent(4, 5)).dictator).toBe('a');
    expect(labelReport(independent(2, 5)).predicted.loss.auc).toMatchObject({ a: 1 });
    expect(labelReport(independent(5, 5)).dictator).toBeUndefined();
    expect(labelReport(independent(5, 4), { weights: [2, 1] }).dictator).toBe('a');
  });

  it('says who wins where two disagree: a tie by sum and product', () => {
    const [conflict] = labelReport(independent(5, 4)).conflicts;
    expect(conflict).toEqual({
      labels: ['a', 'b'],
      judged: 100,
      firstOnly: 30,
      secondOnly: 20,
      winners: { sum: undefined, product: undefined, weighted: undefined, loss: 'b' },
    });
    const [weighed] = labelReport(independent(5, 4), { weights: [3, 1] }).conflicts;
    expect(weighed!.winners).toMatchObject({ weighted: 'a', loss: 'a' });
  });

  it('says that sum is the worse choice for a rare label that is noisy', () => {
    const report = labelReport(noisy(0.029).table);
    expect(report.labels[1]!.marginal).toBeCloseTo(0.029, 6);
    // The rare label's probabilities are too small to be seen in a sum.
    expect(report.predicted.sum.gap).toBeGreaterThan(2 * report.predicted.loss.gap);
    expect(report.predicted.sum.min).toBeLessThan(report.predicted.loss.min - 0.1);
    expect(report.worseThanLoss).toContain('sum');
  });

  it('leaves labels out of pairs that they did not judge', () => {
    const rows = [
      [1, Number.NaN],
      [0, 1],
      [Number.NaN, 0],
    ];
    const { labels, conflicts } = labelReport(tableOf(rows));
    expect(labels.map(({ judged, marginal }) => [judged, marginal])).toEqual([
      [2, 0.5],
      [2, 0.5],
    ]);
    expect(conflicts[0]).toMatchObject({ judged: 1, firstOnly: 0, secondOnly: 1 });
  });
});

/** Two independent features on a grid of normal quantiles; each label is logistic in one of them, with slope 2. */
function noisy(rarity: number): { table: LabelTable; features: readonly (readonly number[])[] } {
  const n = 40;
  const quantiles = Array.from({ length: n }, (_, i) => normalQuantile((i + 0.5) / n));
  const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
  const average = (shift: number): number => mean(quantiles.map((x) => logistic(2 * x + shift)));
  const shift = root((at) => average(at) - rarity);
  const features = quantiles.flatMap((x) => quantiles.map((y) => [x, y]));
  const rows = features.map(([x, y]) => [logistic(2 * x!), logistic(2 * y! + shift)]);
  return { table: tableOf(rows), features };
}

/** Where a rising function crosses 0. */
function root(f: (x: number) => number): number {
  let [low, high] = [-20, 20];
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** By the logistic approximation of Bowling et al. 2009, good to 1e-3: enough for a grid. */
const normalQuantile = (p: number): number =>
  root((x) => 1 / (1 + Math.exp(-(0.07056 * x ** 3 + 1.5976 * x))) - p);

describe('fitFusion', () => {
  const cells = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const;
  const oneHot = (cell: readonly number[]): number[] => cells.slice(1).map((each) => Number(each === cell));

  /**
   * Documents of four kinds, in the proportion of marginals .5 and .2, whose labels are flipped in one of five cases, each
   * on its own; in exact proportion. Scores are finite then: no kind is always before another.
   */
  function learned(aggregation: (typeof aggregations)[number]): { scores: number[]; table: LabelTable } {
    const flips = [
      [0, 0, 16],
      [1, 0, 4],
      [0, 1, 4],
      [1, 1, 1],
    ] as const;
    const counts = [4, 4, 1, 1];
    const documents = cells.flatMap((cell, i) =>
      flips.flatMap(([a, b, times]) =>
        Array.from({ length: counts[i]! * times }, () => ({
          cell,
          said: [Math.abs(cell[0] - a), Math.abs(cell[1] - b)],
        })),
      ),
    );
    const table = tableOf(documents.map(({ said }) => said));
    const list: FusionList = { features: documents.map(({ cell }) => oneHot(cell)), pairs: table.pairs };
    return { scores: fuse(cells.map(oneHot), fitFusion([list], { aggregation })), table };
  }

  it('learns the order of the closed form on the grid of two labels', () => {
    const eta = cells.map((cell) => cell.map((y) => 0.8 * y + 0.2 * (1 - y)));
    const loss = learned('loss');
    const alphas = labelReport(loss.table).labels.map(({ lossWeight }) => lossWeight);
    const closed = {
      loss: eta.map((p) => mergeLabels(p, 'weighted', alphas)),
      sum: eta.map((p) => mergeLabels(p, 'sum')),
      product: eta.map((p) => mergeLabels(p, 'product')),
    };
    expect(closed.loss[2]).toBeGreaterThan(closed.loss[1]!); // the rarer label is the dictator
    for (const name of ['loss', 'sum', 'product'] as const) {
      const { scores } = name === 'loss' ? loss : learned(name);
      for (const i of cells.keys()) {
        for (const j of cells.keys()) {
          const expected = closed[name][i]! - closed[name][j]!;
          const actual = scores[i]! - scores[j]!;
          // The weak pull towards 0 moves ties by less than a thousandth.
          const sign = (x: number, tie: number): number => (Math.abs(x) < tie ? 0 : Math.sign(x));
          expect(sign(actual, 1e-3), `${name} ${i} ${j}`).toBe(sign(expected, 1e-9));
        }
      }
    }
  });

  it('ends with a sum that serves a rare, noisy label worse than the loss does', () => {
    const { table, features } = noisy(0.029);
    const random = seededRandom(3);
    const draws = Array.from({ length: 30 }, () =>
      Array.from({ length: 40 }, () => Math.floor(random() * features.length)),
    );
    const lists = draws.map((rows): FusionList => {
      const pairs = rows.map((row): LabelledPair => {
        const said = table.pairs[row]!.relevance.map((p) => Number(random() < p));
        return { queryId: 'q', docId: `${row}`, grades: said, relevance: said };
      });
      return { features: rows.map((row) => features[row]!), pairs };
    });
    const balance = (aggregation: 'sum' | 'loss') =>
      balanceOver(table, fuse(features, fitFusion(lists, { aggregation })));
    expect(balance('sum').min).toBeLessThan(balance('loss').min - 0.05);
    expect(balance('sum').gap).toBeGreaterThan(balance('loss').gap + 0.05);
  });

  it('refuses candidates of which none differs', () => {
    const { pairs } = tableOf([
      [1, 0],
      [0, 1],
    ]);
    expect(() => fitFusion([{ features: [[1], [2]], pairs }], { aggregation: 'sum' })).toThrow(RangeError);
  });
});

describe('measureLabels', () => {
  it('gives AUC and the measure by each label, with gap and minimum', () => {
    const table = tableOf([
      [1, 0],
      [0, 1],
      [0, 0],
    ]);
    const run = new Map([['q', ['d0', 'd1', 'd2'].map((docId, i) => ({ docId, score: -i }))]]);
    const { auc, gap, min, measure, measureMin } = measureLabels(run, table, { measure: parseMeasure('RR') });
    expect({ auc, gap, min }).toEqual({ auc: { a: 1, b: 0.5 }, gap: 0.5, min: 0.5 });
    expect({ measure, measureMin }).toEqual({ measure: { a: 1, b: 0.5 }, measureMin: 0.5 });
  });
});

describe('toLabelTable', () => {
  const judgements = [
    judgement('a', 'd1', 2, 2),
    judgement('b', 'd1', 0, 3),
    judgement('a', 'd2', 0, 4),
    judgement('b', 'd2', 1, 5),
    judgement('a', 'd3', 1, 6),
  ];

  it('leaves out what a label did not judge, or counts it 0, or keeps the gap', () => {
    const grades = (missing: 'drop' | 'zero' | 'mean'): unknown =>
      toLabelTable(judgements, { missing }).pairs.map((pair) => pair.grades);
    const shared = [
      [2, 0],
      [0, 1],
    ];
    expect(grades('drop')).toEqual(shared);
    expect(grades('zero')).toEqual([...shared, [1, 0]]);
    expect(grades('mean')).toEqual([...shared, [1, Number.NaN]]);
    expect(toLabelTable(judgements).dropped).toBe(1);
    // The gap is given the mean of the others: a sum of 1 + 1.
    const table = toLabelTable(judgements, { missing: 'mean' });
    expect(mergeTable(table, { merging: 'sum', usesGrades: true })).toEqual([2, 1, 2]);
  });

  it.each([
    [
      'one label',
      judgements.filter(({ label }) => label === 'a'),
      'line 2: expected two labels or more, found a',
    ],
    ['nothing', [], 'expected two labels or more, found none'],
    [
      'labels of other queries',
      [...judgements.slice(0, 1), { ...judgement('b', 'd1', 1, 7), queryId: 'other' }],
      'line 7: no pair of query and document is judged by every label',
    ],
    [
      'a one-sided label',
      [
        ...judgements.filter(({ label }) => label === 'a'),
        judgement('b', 'd1', 1, 8),
        judgement('b', 'd2', 3, 9),
      ],
      'line 8: expected relevant and other documents of the label "b", and it calls each of its 2 relevant',
    ],
  ])('refuses %s, with file and line', (_what, wrong, message) => {
    expect(() => toLabelTable(wrong)).toThrow(ConfigurationError);
    expect(() => toLabelTable(wrong)).toThrow(message);
  });

  it('refuses a judgement that contradicts an earlier one, and takes one that repeats it', () => {
    expect(() => toLabelTable([...judgements, judgement('a', 'd1', 1, 9)])).toThrow(TrecFormatError);
    expect(() => toLabelTable([...judgements, judgement('a', 'd1', 1, 9)])).toThrow(
      /"x\.tsv", line 9: .*line 2 says 2/,
    );
    expect(toLabelTable([...judgements, judgement('a', 'd1', 2, 9)])).toEqual(toLabelTable(judgements));
  });
});

describe('toWholeValues', () => {
  it('multiplies by a power of ten, keeps what is above 0 above 0, and says what is rounded', () => {
    expect(toWholeValues([0, 2])).toEqual({ values: [0, 2], scale: 1, isExact: true });
    expect(toWholeValues([0.25, 1])).toEqual({ values: [25, 100], scale: 100, isExact: true });
    expect(toWholeValues([1 / 3, 1e-9])).toEqual({ values: [333333, 1], scale: 1e6, isExact: false });
  });

  it('lets a label without a judgement stay without one', () => {
    const table = tableOf([
      [1, 0],
      [0, Number.NaN],
    ]);
    const values = toWholeValues(table.pairs.map(({ grades }) => grades[1]!)).values;
    expect(toQrels(table, values)).toEqual(new Map([['q', new Map([['d0', 0]])]]));
  });
});

const data = fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const hasData = existsSync(data);
if (!hasData)
  console.log('skipped: labels of real annotators, for the collections are not beside the repository');

describe.skipIf(!hasData)('labels of real annotators', () => {
  const reportOf = async (
    { path, ...source }: LabelSource,
    missing: 'drop' | 'mean' = 'drop',
  ): Promise<LabelReport> =>
    labelReport(toLabelTable(await readLabels({ path: join(data, path), ...source }), { missing }));

  it('are balanced on icecat-chorus, where sum is the even choice', async () => {
    const report = await reportOf({ path: 'icecat-chorus/judgments.tsv' });
    expect(report.pairs).toBe(3188);
    expect(report.dictator).toBeUndefined();
    expect(report.predicted.sum.gap.toFixed(4)).toBe('0.0063');
    expect(report.predicted.loss.gap.toFixed(4)).toBe('0.0240');
  });

  it('have a mild dictator on csfcube, and product is the worse choice there', async () => {
    const report = await reportOf({ path: 'csfcube/judgments.tsv' }, 'mean');
    expect(report.predicted.loss.auc['annotator3']).toBe(1);
    expect(report.predicted.loss.min.toFixed(4)).toBe('0.8799');
    expect(report.predicted.sum.min.toFixed(4)).toBe('0.9400');
    expect(report.worseThanLoss).toEqual(['product']);
  });

  it('make sum the worse choice on the votes of climate-fever', async () => {
    const source = {
      path: 'climate-fever-votes/votes.tsv',
      columns: ['supports', 'refutes'],
      total: 'votes',
    };
    const report = await reportOf(source);
    expect(report.dictator).toBe('refutes');
    expect(report.worseThanLoss).toContain('sum');
    expect(report.predicted.sum.min.toFixed(4)).toBe('0.6947');
    expect(report.predicted.loss.min.toFixed(4)).toBe('0.7245');
  });
});
