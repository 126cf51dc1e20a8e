import { describe, expect, it } from 'vitest';
import { joined } from '../../bench/joined.ts';
import { paths } from '../../bench/paths.ts';
import { holds } from '../../bench/support/bench.ts';
import { compareLists } from '../../bench/support/list-difference.ts';

const quiet = (): void => undefined;
const options = { shape: 'small', tell: quiet } as const;

/** A ranking by the scores of its candidates, which are given in shortlist order. */
const ranking = (...scores: readonly number[]) =>
  scores
    .map((score, index) => ({ index, score, logit: 10 * score }))
    .sort((a, b) => b.score - a.score || a.index - b.index);

describe('compareLists', () => {
  it('tells ties that were swapped from candidates that were not', () => {
    const exact = ranking(0.5, 0.3, 0.2);
    const tied = ranking(0.5, 0.249, 0.251);
    expect(compareLists([[exact, ranking(0.5, 0.3, 0.2)]], 0.05)).toEqual({
      score: 0,
      logit: 0,
      firstDiffers: 0,
      listsInAnotherOrder: 0,
      listsBeyondTies: 0,
      largestInversion: 0,
    });
    expect(compareLists([[exact, tied]], 0.11)).toMatchObject({
      score: 0.051,
      logit: 0.51,
      listsInAnotherOrder: 1,
      listsBeyondTies: 0,
      largestInversion: 0.1,
    });
    expect(compareLists([[exact, tied]], 0.05)).toMatchObject({ listsBeyondTies: 1, firstDiffers: 0 });
  });

  it('finds a candidate that fell far, past neighbours that are ties with each other', () => {
    // .30 stands below .29 and .28, each of which is a tie with the next.
    const exact = ranking(0.3, 0.29, 0.28, 0.13);
    const rough = ranking(0.1, 0.29, 0.28, 0.13);
    const { largestInversion, firstDiffers } = compareLists([[exact, rough]], 0.02);
    expect([largestInversion, firstDiffers]).toEqual([0.17, 1]);
  });

  it('takes the worst of all lists', () => {
    const same = ranking(0.6, 0.4);
    const other = ranking(0.4, 0.6);
    const { listsBeyondTies, score } = compareLists(
      [
        [same, same],
        [same, other],
        [same, other],
      ],
      0.1,
    );
    expect([listsBeyondTies, score]).toEqual([2, 0.2]);
  });
});

describe('the bench of joined products', () => {
  it('finds that one product and a rotation inside the operator compute the same', async () => {
    const { figures, checks } = await joined.run(quiet, options);
    expect(figures['difference']).toEqual({ joined: expect.any(Number), turnedInside: expect.any(Number) });
    expect(checks.map(holds)).toEqual([true]);
    const { joined: one, turnedInside } = figures['difference'] as Record<string, number>;
    expect(Math.max(one!, turnedInside!)).toBeLessThan(1e-5);
  });
});

describe('the bench of paths', () => {
  it('times one run and batches at every length', async () => {
    const { figures } = await paths.run(quiet, options);
    const byTokens = figures['byTokens'] as Record<number, Record<string, number>>;
    expect(Object.keys(byTokens)).toEqual(['963', '2992', '11679']);
    for (const times of Object.values(byTokens)) {
      expect(Object.keys(times)).toEqual(['oneRun', 'batches768', 'batches3072']);
      for (const ms of Object.values(times)) expect(ms).toBeGreaterThan(0);
    }
  });
});
