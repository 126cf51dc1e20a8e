/** The systems that an evaluation compares: the first stage, and readouts over one encoding. */
import { applySteps } from '../compose/stepped.ts';
import type { Ranking, Reranker, ScoreStep, Shortlist } from '../contract.ts';
import { similarities } from '../readout/reading.ts';
import { readOut } from '../readout/readout.ts';
import { EncoderReranker } from '../rerank/encoder/encoder-reranker.ts';
import { defaultScoreSteps } from '../scores/fusion.ts';
import { rankLogits } from '../scores/ranking.ts';

/** Orders a shortlist; gives the candidates' indices, best first. */
export type System = (shortlist: Shortlist, signal?: AbortSignal) => Promise<readonly number[]>;

/** Names of the systems that {@link systemsOver} gives. */
export const systemNames = [
  'first-stage',
  'default',
  'model',
  'cosine',
  'anchor',
  'sum-join',
  'max-join',
] as const;

/** One of {@link systemNames}. */
export type SystemName = (typeof systemNames)[number];

/**
 * Systems by name over one reranker.
 *
 * - `first-stage`: the candidates as they came;
 * - `default`: what the stage serves, the model's order after the steps: without others, fused with a lexical first stage;
 * - `model`: the model's own order;
 *
 * and, over an encoder alone, whose states can be read in other ways:
 *
 * - `cosine`: cosine of the query's anchor and the document's first anchor, the encoder without BlockRank;
 * - `anchor`: as `default`, from anchors alone;
 * - `sum-join`, `max-join`: as `model`, with the blocks of one document joined as the name says.
 */
export function systemsOver(
  reranker: Reranker,
  steps: readonly ScoreStep[] = defaultScoreSteps(reranker.info),
): Systems {
  const ranked = oncePerShortlist((shortlist, signal) =>
    reranker.rerank(shortlist, signal ? { signal } : {}),
  );
  return {
    'first-stage': async ({ candidates }) => [...candidates.keys()],
    default: async (shortlist, signal) =>
      order(await applySteps(await ranked(shortlist, signal), shortlist, { steps, reranker, signal })),
    model: async (shortlist, signal) => order(await ranked(shortlist, signal)),
    ...(reranker instanceof EncoderReranker ? readingsOver(reranker, steps) : {}),
  };
}

/** Systems that read an encoder's states in a way of their own. */
export type Reading = 'cosine' | 'anchor' | 'sum-join' | 'max-join';

/** What {@link systemsOver} gives: readings of states are there where the model keeps states. */
export type Systems = Readonly<Record<Exclude<SystemName, Reading>, System>> &
  Readonly<Partial<Record<Reading, System>>>;

function readingsOver(
  reranker: EncoderReranker,
  steps: readonly ScoreStep[],
): Readonly<Record<Reading, System>> {
  const encoded = oncePerShortlist((shortlist, signal) =>
    reranker.encode(shortlist, signal ? { signal } : {}),
  );
  const joined =
    (blockJoin: 'sum' | 'max'): System =>
    async (shortlist, signal) => {
      const { query, states } = await encoded(shortlist, signal);
      const logSums = await reranker.tokenLogSums({ query, states }, reranker.readout.tokenTau);
      return order(
        rankLogits(
          readOut(query, states, { ...reranker.readout, blockJoin }, { logSums, heads: reranker.heads })
            .logits,
        ),
      );
    };
  return {
    'sum-join': joined('sum'),
    'max-join': joined('max'),
    cosine: async (shortlist, signal) => {
      const { query, states } = await encoded(shortlist, signal);
      const cosines = states.map(
        ({ anchors }) => similarities(query.anchor, anchors.subarray(0, query.width))[0]!,
      );
      return order(rankLogits(cosines));
    },
    anchor: async (shortlist, signal) => {
      const { query, states } = await encoded(shortlist, signal);
      const { logits } = readOut(
        query,
        states,
        { ...reranker.readout, tokenWeight: 0 },
        { heads: reranker.heads },
      );
      return order(await applySteps(rankLogits(logits), shortlist, { steps, reranker, signal }));
    },
  };
}

const order = ({ candidates }: Ranking): number[] => candidates.map(({ index }) => index);

/** Shares a computation on a shortlist between systems: the first system that asks computes it. */
function oncePerShortlist<Result>(
  compute: (shortlist: Shortlist, signal: AbortSignal | undefined) => Promise<Result>,
): (shortlist: Shortlist, signal: AbortSignal | undefined) => Promise<Result> {
  const results = new WeakMap<Shortlist, Promise<Result>>();
  return (shortlist, signal) => {
    const result = results.get(shortlist) ?? compute(shortlist, signal);
    results.set(shortlist, result);
    return result;
  };
}
