/** Applies score steps: the only module that changes a ranking after the model. */
import { abortable } from '../abortable.ts';
import type { Ranking, Reranker, ScoreStep, Shortlist, StepContext } from '../contract.ts';
import { BlockRankError, ScoreStepError } from '../errors.ts';
import { normalisedRanking, saidOfList } from '../scores/ranking.ts';
import { rankingFault } from '../scores/ranking-fault.ts';
import { withTrueParts } from '../scores/score-parts.ts';
import { wrapped } from './wrapped.ts';

/** The steps of {@link applySteps}, and the context that they may look at. */
export interface StepsCall {
  /** The steps, in this order. */
  readonly steps: readonly ScoreStep[];
  /** The reranker of the ranking, which gives embedder and anchors. @defaultValue none: steps find neither */
  readonly reranker?: Pick<Reranker, 'embedder' | 'anchors'> | undefined;
  /** Ends the call, which then rejects with the signal's reason, even while a step hangs. @defaultValue never */
  readonly signal?: AbortSignal | undefined;
  /** The tenant of the request. @defaultValue none */
  readonly tenant?: string | undefined;
}

/**
 * The reranker with score steps after it; each step works on the logits of the one before. Its `info` stays the
 * reranker's: no digest covers the steps. Everything else is the reranker's too.
 *
 * `rerank` rejects with the reranker's error, with the signal's reason, with a `BlockRankError` that a step throws, and
 * with a `ScoreStepError` for any other fault of a step.
 *
 * @example const reranker = steppedReranker(await openReranker(), [fusion()]);
 */
export function steppedReranker(reranker: Reranker, steps: readonly ScoreStep[]): Reranker {
  if (steps.length === 0) return reranker;
  return wrapped(reranker, {
    async rerank(shortlist, options = {}) {
      const { signal, tenant } = options;
      const ranking = await reranker.rerank(shortlist, options);
      return applySteps(ranking, shortlist, { steps, reranker, signal, tenant });
    },
  });
}

/**
 * The ranking after the steps, in order and normalised.
 *
 * @throws ScoreStepError when a step throws anything but a `BlockRankError`, or loses, copies or invents a candidate, or
 * gives a number that is not finite.
 */
export async function applySteps(ranking: Ranking, shortlist: Shortlist, call: StepsCall): Promise<Ranking> {
  const signal = call.signal ?? new AbortController().signal;
  const context = contextOf(shortlist, { ...call, signal });
  // A step orders; what is said of the whole list is said by the ranking before all steps.
  const said = saidOfList(ranking);
  let current = ranking;
  for (const [i, step] of call.steps.entries()) {
    signal.throwIfAborted();
    const next = await taken(() => step(current, shortlist, context), i, signal);
    const fault = rankingFault(next, shortlist.candidates.length);
    if (fault) throw unusable(i, shortlist.candidates.length, fault);
    current = next === current ? current : { ...normalisedRanking(withTruth(next)), ...said };
  }
  return current;
}

/** The ranking without parts that do not add up to their logits: a step changed those, and told no part of its own. */
function withTruth(ranking: Ranking): Ranking {
  const isTold = ranking.candidates.some(({ parts }) => parts !== undefined);
  return isTold ? { ...ranking, candidates: ranking.candidates.map(withTrueParts) } : ranking;
}

/** The result of a step; throws its fault as a typed error. */
async function taken(
  step: () => Ranking | Promise<Ranking>,
  index: number,
  signal: AbortSignal,
): Promise<Ranking> {
  try {
    const given = step();
    // Most steps are synchronous, and need no race against the signal.
    return isPromise(given) ? await abortable(Promise.resolve(given), signal) : given;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof BlockRankError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw new ScoreStepError(`Cannot apply score step ${index}: ${said}`, { step: index }, { cause: error });
  }
}

function isPromise(given: Ranking | Promise<Ranking>): given is Promise<Ranking> {
  return typeof (given as Partial<Promise<Ranking>> | undefined)?.then === 'function';
}

function unusable(step: number, count: number, fault: string): ScoreStepError {
  return new ScoreStepError(
    `Cannot use what score step ${step} gave for ${count} candidates: ${fault}. ` +
      'Every position of the shortlist must come exactly once, with finite logit and score; fix the step.',
    { step },
  );
}

const noSignals = {};

function contextOf(
  shortlist: Shortlist,
  { reranker = {}, signal, tenant }: Omit<StepsCall, 'signal'> & { readonly signal: AbortSignal },
): StepContext {
  const { embedder } = reranker;
  const options = { signal, ...(tenant !== undefined && { tenant }) };
  let anchors: ReturnType<NonNullable<StepContext['anchors']>> | undefined;
  return {
    signal,
    get signals() {
      return shortlist.candidates.map(({ signals }) => signals ?? noSignals);
    },
    ...(embedder && { embedder }),
    ...(reranker.anchors && {
      anchors: () => {
        if (!anchors) {
          anchors = reranker.anchors!(shortlist, options);
          anchors.catch(() => {}); // a step that has ended does not handle a later rejection
        }
        return anchors;
      },
    }),
  };
}
