/** What several rankings of one request cost together. */
import type { RankingUsage } from '../contract.ts';

/**
 * The sum of two usages. Counts of stored states are the first's where it has any: they sum to the number of candidates,
 * and both would count a candidate twice.
 */
export function summedUsage(first: RankingUsage, second: RankingUsage): RankingUsage {
  const storedStates = first.storedStates ?? second.storedStates;
  return {
    ...second,
    ...first,
    tokens: first.tokens + second.tokens,
    truncatedTokens: first.truncatedTokens + second.truncatedTokens,
    statesFound: first.statesFound + second.statesFound,
    statesEncoded: first.statesEncoded + second.statesEncoded,
    ...(storedStates && { storedStates }),
  };
}
