import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySteps } from '../../../engine/compose/stepped.ts';
import type { Ranking, Shortlist } from '../../../engine/contract.ts';
import { ConfigurationError } from '../../../engine/errors.ts';
import { scheduled } from '../../../engine/scores/deadlines.ts';
import { holdsIdentifier, identifiersIn } from '../../../engine/scores/identifiers.ts';
import {
  type OrderLimitOptions,
  orderLimitIssues,
  orderLimits,
} from '../../../engine/scores/order-limits.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { arrange } from '../../../plugin/stage/arrange.ts';

interface Given {
  readonly query?: string;
  readonly texts: readonly string[];
  readonly scores?: readonly number[];
  readonly logits: readonly number[];
  readonly pinned?: readonly number[];
}

async function limited(
  given: Given,
  options: OrderLimitOptions,
): Promise<{ ranking: Ranking; shortlist: Shortlist }> {
  const { query = 'words', texts, scores, logits, pinned } = given;
  const shortlist: Shortlist = {
    query: { text: query },
    firstStage: 'lexical',
    candidates: texts.map((text, i) => ({
      docId: `${i}`,
      text,
      segments: [],
      ...(scores && { firstStageScore: scores[i]! }),
      signals: { sku: text === 'none' ? 'AB-1234' : null },
    })),
    ...(pinned && { pinned }),
  };
  const ranking = await applySteps(rankLogits(logits), shortlist, { steps: [orderLimits(options)] });
  return { ranking, shortlist };
}

const orderOf = ({ ranking }: { ranking: Ranking }): number[] => ranking.candidates.map(({ index }) => index);

describe('order limits', () => {
  it('keep every deadline, also beside pinned hits, and change nothing that none demands', async () => {
    const list = fc.array(
      fc.record({ logit: fc.integer({ min: -9, max: 9 }), has: fc.boolean(), pinned: fc.boolean() }),
      { maxLength: 16 },
    );
    await fc.assert(
      fc.asyncProperty(list, fc.integer({ min: 0, max: 4 }), async (hits, maxDemotion) => {
        const texts = hits.map(({ has }) => (has ? 'the part AB-1234' : 'another'));
        const pinned = hits.flatMap((each, i) => (each.pinned ? [i] : []));
        const given = { query: 'AB-1234', texts, logits: hits.map(({ logit }) => logit), pinned };
        const { ranking, shortlist } = await limited(given, { maxDemotion, identifierHits: 99 });
        const served = arrange(ranking, shortlist, {}).hits;
        expect(served.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...hits.keys()]);
        served.forEach(({ index, logit, parts, protectedAs }, rank) => {
          if (parts) expect(parts.reduce((sum, { value }) => sum + value, 0)).toBe(logit);
          if (!hits[index]!.has) return;
          expect(protectedAs).toBe('identifier');
          expect(rank).toBeLessThanOrEqual(index + maxDemotion);
        });
        const loose = served
          .filter(({ index }) => !hits[index]!.has && !hits[index]!.pinned)
          .map(({ index }) => index);
        const own = rankLogits(given.logits)
          .candidates.map(({ index }) => index)
          .filter((index) => loose.includes(index));
        expect(loose).toEqual(own);
      }),
      { numRuns: 200 },
    );
  });

  it('schedule as the exhaustive search does: no order that keeps the deadlines turns fewer pairs round', () => {
    const permutations = (n: number): number[][] =>
      n === 0
        ? [[]]
        : permutations(n - 1).flatMap((p) =>
            [...Array(n).keys()].map((at) => [...p.slice(0, at), n - 1, ...p.slice(at)]),
          );
    const inversions = (p: readonly number[]): number =>
      p.reduce((sum, a, i) => sum + p.slice(i + 1).filter((b) => b < a).length, 0);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }), (deadlines) => {
        const keeps = (p: readonly number[]): boolean => p.every((each, rank) => rank <= deadlines[each]!);
        const legal = permutations(deadlines.length).filter(keeps);
        fc.pre(legal.length > 0);
        const found = scheduled(deadlines);
        expect(keeps(found)).toBe(true);
        expect(inversions(found)).toBe(Math.min(...legal.map(inversions)));
      }),
      { numRuns: 100 },
    );
  });

  it('protect a clear leader, and none that leads by little or alone', async () => {
    const texts = ['a', 'b', 'c', 'd'];
    const logits = [0, 1, 2, 3];
    const clear = { texts, logits, scores: [30, 3, 2, 1] };
    expect(orderOf(await limited({ ...clear, logits }, { promoteOnly: true, leaderGap: 1.5 }))).toEqual([
      0, 3, 2, 1,
    ]);
    expect(orderOf(await limited(clear, { maxDemotion: 2, leaderGap: 1.5 }))).toEqual([3, 2, 0, 1]);
    expect(orderOf(await limited(clear, { promoteOnly: true, leaderGap: false }))).toEqual([3, 2, 1, 0]);
    expect(orderOf(await limited({ ...clear, scores: [4, 3, 2, 1] }, { promoteOnly: true }))).toEqual([
      3, 2, 1, 0,
    ]);
    for (const scores of [[Number.NaN, 3, 2, 1], [5, 5, 5, 5], undefined])
      expect(
        orderOf(await limited({ texts, logits, ...(scores && { scores }) }, { promoteOnly: true })),
      ).toEqual([3, 2, 1, 0]);
    expect(orderOf(await limited({ texts: ['a'], logits: [1], scores: [1] }, { promoteOnly: true }))).toEqual(
      [0],
    );
    expect(orderOf(await limited({ texts: [], logits: [] }, { promoteOnly: true }))).toEqual([]);
  });

  it('find identifiers in text and fields, and trust none that many hits hold', async () => {
    const given = { query: 'cable ab-1234', texts: ['none', 'x', 'y'], logits: [0, 1, 2] };
    expect(orderOf(await limited(given, { promoteOnly: true }))).toEqual([2, 1, 0]);
    expect(orderOf(await limited(given, { promoteOnly: true, identifierFields: ['sku'] }))).toEqual([
      0, 2, 1,
    ]);
    const many = { query: 'AB-1234', texts: Array(6).fill('AB-1234'), logits: [0, 1, 2, 3, 4, 5] };
    expect(orderOf(await limited(many, { promoteOnly: true }))).toEqual([5, 4, 3, 2, 1, 0]);
    expect(orderOf(await limited(many, { promoteOnly: true, identifierHits: 6 }))).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  it('read codes and quoted phrases from a query, and neither measures nor plain words', () => {
    const query =
      'Xerox 006R90321 toner "red shoes" 64GB 1080p 2024 ORA-00942 ERR_TIMED_OUT SM-G950F 4006381333931 3rd wi-fi';
    expect(identifiersIn(query)).toEqual([
      'red shoes',
      '006r90321',
      'ora-00942',
      'err_timed_out',
      'sm-g950f',
      '4006381333931',
    ]);
    expect(identifiersIn('')).toEqual([]);
    expect(['see AB-12.', 'xAB-12', 'AB-123', 'ab-12'].map((text) => holdsIdentifier(text, 'ab-12'))).toEqual(
      [true, false, false, true],
    );
  });

  it('refuse options that cannot be', () => {
    const paths = (options: unknown) => orderLimitIssues(options).map(({ path }) => path);
    expect(paths({})).toEqual(['']);
    expect(paths({ promoteOnly: true, maxDemotion: 1 })).toEqual(['']);
    expect(
      paths({ maxDemotion: -1, leaderGap: 0, identifierFields: ['*'], identifierHits: 0.5, k: 1 }),
    ).toEqual(['maxDemotion', 'leaderGap', 'identifierFields', 'identifierHits', 'k']);
    expect(paths(3)).toEqual(['']);
    expect(() => orderLimits({})).toThrow(ConfigurationError);
  });
});
