/** Gives searches to the stage, which plans them, has the cluster asked and reranks the hits. */
import type { Plan } from '../../adapters/adapter.ts';
import { fromItemAnswer, toItemAnswer } from '../middleware/own-answer.ts';
import { askAgain, askCluster } from './ask-cluster.ts';
import type { WireAnswer, WireSearch } from './proxy-adapter.ts';
import type { SearchParts, SearchRun } from './search-run.ts';

/** Stands for the answer to a request that the stage leaves alone; the proxy passes such a request on untouched. */
const untouched: WireAnswer = {};

/** The caller's answer; meaningless when the run says that the request passes. */
export function rerankSearches(parts: SearchParts, run: SearchRun): Promise<WireAnswer> {
  return run.search.kind === 'search' ? rerankOne(parts, run) : rerankSeveral(parts, run);
}

function rerankOne(parts: SearchParts, run: SearchRun): Promise<WireAnswer> {
  return parts.stage.search(run.search.searches[0]!, {
    ...run.wish,
    signal: run.signal,
    search: async (plan, { signal }) => {
      if (plan.isSecondSearch) return askAgain(parts, run, plan, signal);
      return note(run, [plan]) ? askCluster(parts, run, [plan]) : untouched;
    },
  });
}

async function rerankSeveral(parts: SearchParts, run: SearchRun): Promise<WireAnswer> {
  let whole: WireAnswer | undefined;
  const answers = await parts.stage.searchMany(run.search.searches, {
    ...run.wish,
    signal: run.signal,
    each: (_search, i) => ({ rerank: run.wanted[i]! }),
    searchMany: async (plans, { signal }) => {
      if (plans[0]?.isSecondSearch) {
        const answer = await askAgain(parts, run, plans[0], signal);
        return (answer['responses'] as readonly WireAnswer[]).map(toItemAnswer);
      }
      if (!note(run, plans)) return plans.map(() => untouched);
      const answer = await askCluster(parts, run, plans);
      // Some searches may be sent again: the properties beside the responses are those of the first answer, to all of
      // them.
      whole ??= answer;
      return (answer['responses'] as readonly WireAnswer[]).map(toItemAnswer);
    },
  });
  return { ...whole, responses: answers.map(fromItemAnswer) };
}

/**
 * Keeps the stage's plans; after a refused change the stage plans anew.
 *
 * @returns Whether to ask the cluster: a request without anything to rerank passes untouched.
 */
function note(run: SearchRun, plans: readonly Plan<WireSearch>[]): boolean {
  const known = run.plans;
  run.isAgain = known.length > 0;
  run.plans = run.isAgain
    ? known.map((plan) => plans.find(({ original }) => original === plan.original) ?? plan)
    : plans;
  const isUntouched = run.plans.every(({ reason }) => reason !== undefined);
  if (isUntouched) run.passes = run.plans[0]?.reason ?? 'unsupported-request';
  return !isUntouched;
}
