import { describe, expect, it } from 'vitest';
import { applySteps } from '../../../engine/compose/stepped.ts';
import type { CandidateSignals, Shortlist } from '../../../engine/contract.ts';
import { ConfigurationError } from '../../../engine/errors.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { decayAt, logOf, saturationOf } from '../../../engine/scores/signal-functions.ts';
import { type SignalOptions, signalIssues } from '../../../engine/scores/signal-options.ts';
import { metresBetween, toDate, toPoint } from '../../../engine/scores/signal-values.ts';
import { signals } from '../../../engine/scores/signals.ts';

const now = (): number => Date.UTC(2026, 10, 27);

/** The order after a rule, over hits of equal logits, with the part of the rule by index. */
async function applied(rule: SignalOptions, hits: readonly CandidateSignals[]) {
  const shortlist: Shortlist = {
    query: { text: 'q' },
    firstStage: 'unknown',
    candidates: hits.map((each, i) => ({ docId: `d${i}`, text: `${i}`, segments: [], signals: each })),
  };
  const ranking = await applySteps(rankLogits(hits.map(() => 0)), shortlist, {
    steps: [signals([rule], { now })],
  });
  const parts: number[] = [];
  for (const each of ranking.candidates) parts[each.index] = each.parts?.at(-1)?.value ?? 0;
  return { order: ranking.candidates.map(({ index }) => index), parts, ranking };
}

describe('the functions of signals', () => {
  it.each(['gauss', 'exp', 'linear'] as const)(
    '%s is 1 up to the offset, and decay at the scale behind it',
    (shape) => {
      const form = { shape, scale: 10, offset: 5, decay: 0.3 };
      expect([0, 5].map((distance) => decayAt(distance, form))).toEqual([1, 1]);
      expect(decayAt(15, form)).toBeCloseTo(0.3, 12);
    },
  );

  it('decay as the servers define it', () => {
    const form = { scale: 10, offset: 0, decay: 0.5 };
    // gauss: exp(-x² / 2σ²), σ² = -scale² / (2 ln decay)
    expect(decayAt(20, { ...form, shape: 'gauss' })).toBeCloseTo(
      Math.exp(-400 / (2 * (-100 / (2 * Math.log(0.5))))),
      12,
    );
    expect(decayAt(20, { ...form, shape: 'exp' })).toBeCloseTo(0.25, 12);
    // linear: max(0, (s - x) / s), s = scale / (1 - decay)
    expect([15, 20, 30].map((x) => decayAt(x, { ...form, shape: 'linear' }))).toEqual([0.25, 0, 0]);
  });

  it('saturate and grow between 0 and 1', () => {
    expect([-1, 0, 5, 45].map((x) => saturationOf(x, 5))).toEqual([0, 0, 0.5, 0.9]);
    expect([-1, 0, 99, 1e9].map((x) => logOf(x, 99))).toEqual([0, 0, 1, 1]);
  });
});

describe('values of signals', () => {
  it('are dates in UTC, in the forms of the servers', () => {
    const day = Date.UTC(2026, 1, 3);
    for (const text of [
      '2026-02-03',
      '2026/02/03',
      '2026-02-03T00:00:00Z',
      '2026-02-03T01:00:00+01:00',
      String(day),
    ])
      expect(toDate(text), text).toBe(day);
    expect(['', 'soon', '2026-13-01', '2026-02-30', '2026-02-03T25:00'].map(toDate)).toEqual(
      Array(5).fill(undefined),
    );
  });

  it('are points in degrees, and their distance is over the ground', () => {
    const [berlin, paris] = [toPoint('52.52,13.405')!, toPoint('POINT (2.3522 48.8566)')!];
    expect(metresBetween(berlin, paris) / 1000).toBeCloseTo(877.46, 1);
    expect(metresBetween(berlin, berlin)).toBe(0);
    expect(['91,0', '0,181', '1', 'a,b'].map(toPoint)).toEqual(Array(4).fill(undefined));
  });
});

describe('signals', () => {
  it('fall with age, and give what has no date that can be read the score of a missing one', async () => {
    const rule: SignalOptions = { function: 'decay', field: 'at', scale: '10d', weight: 2, missing: -0.25 };
    const { order, parts } = await applied(rule, [
      { at: null },
      { at: '2026-11-17' },
      { at: 'soon' },
      { at: ['2020-01-01', '2026-11-27'] }, // of several dates the nearest
    ]);
    expect(parts).toEqual([-0.5, 1, -0.5, 2]);
    expect(order).toEqual([3, 1, 0, 2]);
  });

  it('fall with distance over the ground', async () => {
    const rule: SignalOptions = {
      function: 'decay',
      field: 'at',
      shape: 'exp',
      origin: '52.52,13.405',
      offset: '5km',
      scale: '100km',
      weight: 1,
    };
    const { parts } = await applied(rule, [{ at: '52.5,13.4' }, { at: '48.8566,2.3522' }, { at: null }]);
    expect(parts[0]).toBe(1);
    expect(parts[1]).toBeCloseTo(0.5 ** 8.7246, 4);
    expect(parts[2]).toBe(0);
  });

  it('weigh keywords and booleans', async () => {
    const rule: SignalOptions = {
      function: 'factor',
      field: 'stock',
      factors: { true: 1, false: -1 },
      otherwise: 0.5,
      missing: 0.25,
      weight: 1,
    };
    const { parts } = await applied(rule, [
      { stock: 1 },
      { stock: 0 },
      { stock: 'soon' },
      { stock: null },
      { stock: ['0', 'x'] },
    ]);
    expect(parts).toEqual([1, -1, 0.5, 0.25, -1]);
  });

  it('pin hits by value or id, in the order of the list', async () => {
    const shops = ['c', 'a', 'b', 'a'].map((shop) => ({ shop }));
    expect((await applied({ function: 'pin', field: 'shop', values: ['b', 'a'] }, shops)).order).toEqual([
      2, 1, 3, 0,
    ]);
    expect((await applied({ function: 'pin', ids: ['d3', 'none', 'd2'] }, shops)).order).toEqual([
      3, 2, 0, 1,
    ]);
  });

  it('cap a value in the first ranks; others follow, and none is dropped', async () => {
    const shops = ['a', 'a', 'a', 'b', 'a', 'c'].map((shop) => ({ shop }));
    const rule: SignalOptions = { function: 'cap', field: 'shop', atMost: 2, within: 4 };
    expect((await applied(rule, shops)).order).toEqual([0, 1, 3, 5, 2, 4]);
    // Two shops alone cannot fill four ranks: the best that wait do.
    expect((await applied({ ...rule, atMost: 1 }, shops.slice(0, 5))).order).toEqual([0, 3, 1, 2, 4]);
  });

  it('pass an empty list, and leave a list of one its rank', async () => {
    const rule: SignalOptions = { function: 'log', field: 'x', max: 10, weight: 1 };
    expect((await applied(rule, [])).order).toEqual([]);
    const { ranking } = await applied(rule, [{ x: 10 }]);
    expect(ranking.candidates[0]).toMatchObject({ index: 0, score: 1, logit: 1 });
  });

  it('tell every option that cannot be, by the number of the signal', () => {
    const wrong = [
      { function: 'decay', field: 'at', scale: '10km', weight: Number.NaN },
      { function: 'decay', field: 'at', origin: 5, scale: 0, offset: -1, decay: 1, weight: 1 },
      { function: 'log', field: 'x*', weight: 1, pivot: 3 },
      { function: 'grow', field: 'x' },
      { function: 'pin', field: 'x', ids: ['1'] },
      { function: 'cap', field: 'shop', atMost: 0, wthin: 3 },
      { function: 'saturation', field: 'x', pivot: 1, weight: 1, mode: 'multiply' },
      'x',
    ];
    const paths = signalIssues(wrong).map(({ path }) => path);
    expect(paths).toEqual([
      '0.weight',
      '0.scale',
      '1.decay',
      '1.scale',
      '1.offset',
      '2.field',
      '2.max',
      '2.pivot',
      '3.function',
      '4',
      '5.atMost',
      '5.wthin',
      '6.weight',
      '7',
      '',
    ]);
    expect(() => signals(wrong as never)).toThrow(ConfigurationError);
    expect(signalIssues({})).toHaveLength(1);
  });

  it('refuse a list that comes without their field, and one without calibrated scores for a multiplier', async () => {
    const rule: SignalOptions = { function: 'log', field: 'price', max: 10, weight: 0.5 };
    await expect(applied(rule, [{}, { prize: 3 }])).rejects.toMatchObject({
      code: 'configuration',
      issues: [{ path: '0.field', message: expect.stringContaining('"price"') }],
    });
    await expect(applied({ ...rule, mode: 'multiply' }, [{ price: 3 }, { price: 4 }])).rejects.toMatchObject({
      code: 'configuration',
      issues: [{ path: 'mode' }],
    });
  });
});
