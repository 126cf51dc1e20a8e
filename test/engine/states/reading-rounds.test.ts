import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRounds, toRounds } from '../../../engine/states/reading-rounds.ts';

describe('toRounds', () => {
  it('keeps every document once, in order, in rounds that keep workers busy', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 120 }),
        fc.integer({ min: 1, max: 2000 }),
        (tokens, roundTokens) => {
          const rounds = toRounds(tokens, roundTokens);
          expect(rounds.flat()).toEqual([...tokens.keys()]);
          if (rounds.length > 1) expect(rounds[0]!.length).toBeGreaterThanOrEqual(tokens.length / 2);
          for (const round of rounds.slice(0, -1)) {
            const filled = round.reduce((sum, index) => sum + tokens[index]!, 0);
            expect(filled).toBeGreaterThanOrEqual(roundTokens);
            expect(round.length).toBeGreaterThanOrEqual(8);
          }
        },
      ),
    );
  });
});

describe('readRounds', () => {
  const rounds = [[0, 1], [2], [3, 4]];
  const run = (enoughAt: number, lateAt = Number.POSITIVE_INFINITY) => {
    const read: number[] = [];
    const end = readRounds(
      rounds,
      () => read.length >= enoughAt,
      async (round) => {
        read.push(...round);
        return read.length < lateAt;
      },
    );
    return end.then((why) => [why, read]);
  };

  it('reads until it is enough, late, or all', async () => {
    expect(await run(Number.POSITIVE_INFINITY)).toEqual([undefined, [0, 1, 2, 3, 4]]);
    expect(await run(3)).toEqual(['page', [0, 1, 2]]);
    expect(await run(0)).toEqual(['page', []]);
    expect(await run(Number.POSITIVE_INFINITY, 3)).toEqual(['time', [0, 1, 2]]);
  });
});
