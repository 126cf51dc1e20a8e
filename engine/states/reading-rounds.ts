/**
 * Reads a list in rounds, so that what was read can say whether the rest is worth reading. A round depends on the
 * documents' sizes alone, so the same list is always read in the same rounds.
 */

import type { ReadingEnd } from '../contract.ts';

/** Tells whether reading may stop; called before each round. */
export type IsEnough = () => boolean | Promise<boolean>;

/** Documents of a round at least: fewer would change little, and each round waits for its slowest batch. */
const leastDocuments = 8;

/**
 * Consecutive documents: half of them in the first round, since hardly a list can be judged from fewer and many documents
 * make batches of like lengths; then as many a round as keep all workers busy.
 *
 * @param tokens - Tokens of each document, about.
 * @param roundTokens - Tokens of a round at least; the last round may have fewer.
 */
export function toRounds(tokens: readonly number[], roundTokens: number): number[][] {
  const rounds: number[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  tokens.forEach((count, index) => {
    const isFilled = filled >= roundTokens && (rounds.at(-1)?.length ?? leastDocuments) >= leastDocuments;
    if (isFilled && (rounds.length !== 1 || index >= tokens.length / 2)) {
      rounds.push([]);
      filled = 0;
    }
    rounds.at(-1)!.push(index);
    filled += count;
  });
  return rounds;
}

/**
 * Reads round after round.
 *
 * @param read - Reads a round; `false`: time ran out before it was read whole.
 * @returns Why the rest was not read; undefined where all of it was.
 */
export async function readRounds(
  rounds: readonly (readonly number[])[],
  isEnough: IsEnough,
  read: (round: readonly number[]) => Promise<boolean>,
): Promise<ReadingEnd | undefined> {
  for (const round of rounds) {
    if (await isEnough()) return 'page';
    if (!(await read(round))) return 'time';
  }
  return undefined;
}
