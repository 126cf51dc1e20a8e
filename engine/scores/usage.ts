/** What several rankings of one request cost together. */
import type { RankingUsage } from '../contract.ts';

/**
 * The sum of two usages of parts of one list. What is not a sum is the first's where it has any: counts of stored states
 * sum to the number of candidates, and both would count a candidate twice.
 */
export function summedUsage(first: RankingUsage, second: RankingUsage): RankingUsage {
  const storedStates = first.storedStates ?? second.storedStates;
  const statesDropped = summed(first.statesDropped, second.statesDropped);
  const layerTokensSaved = summed(first.layerTokensSaved, second.layerTokensSaved);
  return {
    ...second,
    ...first,
    tokens: first.tokens + second.tokens,
    truncatedTokens: first.truncatedTokens + second.truncatedTokens,
    statesFound: first.statesFound + second.statesFound,
    statesEncoded: first.statesEncoded + second.statesEncoded,
    ...(statesDropped !== undefined && { statesDropped }),
    ...(layerTokensSaved !== undefined && { layerTokensSaved }),
    ...(storedStates && { storedStates }),
  };
}

/** The sum of two numbers, of which either may be absent. */
function summed(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined ? second : first + (second ?? 0);
}
