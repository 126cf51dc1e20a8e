import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySteps } from '../../../engine/compose/stepped.ts';
import type {
  CandidateSignals,
  Ranking,
  ScoreStep,
  Shortlist,
  SignalValue,
} from '../../../engine/contract.ts';
import { diversity } from '../../../engine/scores/diversity.ts';
import { fusion } from '../../../engine/scores/fusion.ts';
import { zScale } from '../../../engine/scores/fusion-scores.ts';
import { orderSteps } from '../../../engine/scores/order-steps.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import type { SignalOptions } from '../../../engine/scores/signal-options.ts';
import { signals } from '../../../engine/scores/signals.ts';

const value = fc.oneof(
  fc.constant<SignalValue>(null),
  fc.double(),
  fc.constantFrom('a', 'b', '2026-11-01', '52.5,13.4', 'no number', ''),
  fc.array(fc.constantFrom('a', 'b', '3', '52.5,13.4'), { maxLength: 3 }),
);
const hit = fc.record({
  logit: fc.double({ min: -40, max: 40, noNaN: true }),
  isRead: fc.boolean(),
  values: fc.record({ x: value, y: value }),
});
const list = fc.array(hit, { maxLength: 25 });
const weight = fc.double({ min: -2, max: 2, noNaN: true });
const rule: fc.Arbitrary<SignalOptions> = fc.oneof(
  fc.record({
    function: fc.constant('decay' as const),
    field: fc.constantFrom('x', 'y'),
    weight,
    shape: fc.constantFrom('gauss' as const, 'exp' as const, 'linear' as const),
    origin: fc.constant(10),
    scale: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
    missing: fc.double({ min: -1, max: 1, noNaN: true }),
  }),
  fc.record({
    function: fc.constant('decay' as const),
    field: fc.constant('x'),
    weight,
    scale: fc.constant('7d'),
  }),
  fc.record({
    function: fc.constant('log' as const),
    field: fc.constant('y'),
    weight,
    max: fc.constant(100),
  }),
  fc.record({
    function: fc.constant('saturation' as const),
    field: fc.constant('x'),
    weight,
    pivot: fc.constant(3),
  }),
  fc.record({
    function: fc.constant('factor' as const),
    field: fc.constant('y'),
    weight,
    factors: fc.constant({ a: 1, b: -1 }),
  }),
);
const pin = fc.constant<SignalOptions>({ function: 'pin', field: 'x', values: ['b', 'a'] });
const cap = fc.record<SignalOptions>({
  function: fc.constant('cap' as const),
  field: fc.constant('y'),
  atMost: fc.integer({ min: 1, max: 3 }),
  within: fc.integer({ min: 1, max: 12 }),
});

interface Hit {
  readonly logit: number;
  readonly isRead: boolean;
  readonly values: CandidateSignals;
}

function listOf(hits: readonly Hit[]): { ranking: Ranking; shortlist: Shortlist } {
  const { candidates, usage } = rankLogits(hits.map(({ logit }) => logit));
  return {
    ranking: {
      candidates: candidates.map((each) => ({
        ...each,
        calibratedScore: 1 / (1 + Math.exp(-each.logit)),
        ...(!hits[each.index]!.isRead && { isRead: false as const }),
      })),
      usage,
    },
    shortlist: {
      query: { text: 'q' },
      firstStage: 'lexical',
      candidates: hits.map(({ values }, i) => ({
        docId: `${i}`,
        text: `text ${i}`,
        segments: [],
        firstStageScore: -i,
        signals: values,
      })),
    },
  };
}

const apply = (
  { ranking, shortlist }: ReturnType<typeof listOf>,
  steps: readonly ScoreStep[],
): Promise<Ranking> => applySteps(ranking, shortlist, { steps });

function expectSound(ordered: Ranking, count: number): void {
  expect(ordered.candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([
    ...Array(count).keys(),
  ]);
  ordered.candidates.forEach(({ logit, parts, index }, rank) => {
    if (parts) expect(parts.reduce((sum, part) => sum + part.value, 0)).toBe(logit);
    const next = ordered.candidates[rank + 1];
    if (next) expect(logit > next.logit || (logit === next.logit && index < next.index)).toBe(true);
  });
}

describe('signals, whatever the list', () => {
  it('keep every hit, and tell parts that add up to the logit exactly', async () => {
    await fc.assert(
      fc.asyncProperty(list, fc.array(fc.oneof(rule, pin, cap), { maxLength: 5 }), async (hits, rules) => {
        const ordered = await apply(
          listOf(hits),
          orderSteps({
            signals: rules,
            diversify: { lambda: 0.5, field: 'y', ranks: 5 },
            orderLimits: { maxDemotion: 2 },
          }),
        );
        expectSound(ordered, hits.length);
      }),
      { numRuns: 150 },
    );
  });

  it('never move a hit by more than their weights', async () => {
    await fc.assert(
      fc.asyncProperty(list, fc.array(rule, { minLength: 1, maxLength: 3 }), async (hits, rules) => {
        const given = listOf(hits.map((each) => ({ ...each, isRead: true })));
        const ordered = await apply(given, [signals(rules)]);
        const z = zScale(hits.map(({ logit }) => logit)) ?? (() => 0);
        for (const { parts, index } of ordered.candidates) {
          const [base, ...own] = parts!;
          expect(base!.value).toBeCloseTo(z(hits[index]!.logit), 9);
          for (const [i, part] of own.entries())
            expect(Math.abs(part.value)).toBeLessThanOrEqual(Math.abs(rules[i]!.weight!));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('multiply a calibrated score within their bounds', async () => {
    await fc.assert(
      fc.asyncProperty(list, rule, async (hits, given) => {
        const share = given.weight! / 2.5;
        const rules = [{ ...given, mode: 'multiply' as const, weight: share }];
        const ordered = await apply(listOf(hits.map((each) => ({ ...each, isRead: true }))), [
          signals(rules),
        ]);
        expectSound(ordered, hits.length);
        for (const { parts, calibratedScore } of ordered.candidates) {
          expect(Math.exp(parts![0]!.value)).toBeCloseTo(calibratedScore!, 9);
          const factor = Math.exp(parts![1]!.value);
          expect(factor).toBeGreaterThanOrEqual(1 - Math.abs(share) - 1e-12);
          expect(factor).toBeLessThanOrEqual(1 + Math.abs(share) + 1e-12);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('cap the first ranks wherever enough other hits are left, and leave the others in their order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', null), { maxLength: 20 }),
        cap,
        async (shops, rules) => {
          const hits = shops.map((y, i) => ({ logit: -i, isRead: true, values: { x: null, y } }));
          const ordered = await apply(listOf(hits), [signals([rules])]);
          expectSound(ordered, hits.length);
          const { atMost = 1, within = 1 } = rules;
          const lead = ordered.candidates.slice(0, within).map(({ index }) => shops[index]!);
          const counts = ['a', 'b', 'c'].map((shop) => lead.filter((each) => each === shop).length);
          const allowed = ['a', 'b', 'c'].reduce(
            (sum, shop) => sum + Math.min(atMost, shops.filter((each) => each === shop).length),
            shops.filter((each) => each === null).length,
          );
          if (allowed >= Math.min(within, shops.length))
            expect(Math.max(...counts, 0)).toBeLessThanOrEqual(atMost);
          const rest = ordered.candidates.slice(within).map(({ index }) => index);
          expect(rest).toEqual(rest.toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('steps after signals', () => {
  it('that know no parts leave none that are untrue', async () => {
    const given = listOf([1, 5, 3].map((logit) => ({ logit, isRead: true, values: { x: logit, y: null } })));
    const rules: SignalOptions[] = [{ function: 'log', field: 'x', max: 10, weight: 1 }];
    const told = await apply(given, [signals(rules)]);
    expect(told.candidates.every(({ parts }) => parts?.length === 2)).toBe(true);
    const fused = await apply(given, [signals(rules), fusion({ weight: 0.5 })]);
    expect(fused.candidates.some(({ parts }) => parts)).toBe(false);
  });

  it('have their own parts beside those of signals', async () => {
    const shops = ['a', 'a', 'a', 'b'];
    const given = listOf(shops.map((y, i) => ({ logit: -i, isRead: true, values: { x: i, y } })));
    const ordered = await apply(given, [
      signals([{ function: 'saturation', field: 'x', pivot: 1, weight: 0.01 }]),
      diversity({ lambda: 0.5, field: 'y' }),
    ]);
    expect(ordered.candidates.map(({ index }) => index)).toEqual([0, 3, 1, 2]);
    expect(ordered.candidates[1]!.parts!.map(({ name }) => name)).toEqual(['ranking', 'x', 'diversity']);
    expectSound(ordered, 4);
  });
});
