/** Recovers from a failure of a search: gives the cluster's own answer wherever there is one, else an error. */
import type { JsonObject } from '../../adapters/search-body/index.ts';
import { DeadlineExceededError, FirstStageError } from '../../engine/index.ts';
import { toItemAnswer } from '../middleware/own-answer.ts';
import { AnswerTooLarge } from './ask.ts';
import { giveAnswer, writeAnswer } from './give-answer.ts';
import { pass, refuse, type Treatment } from './pass.ts';
import type { WireAnswer } from './proxy-adapter.ts';
import type { SearchParts, SearchRun } from './search-run.ts';
import { ProxyError, rerankFailed, timedOut } from './server-error.ts';
import { wrongWish } from './wish.ts';

/** Answers the caller after a failure. */
export async function recover(parts: SearchParts, run: SearchRun, error: unknown): Promise<Treatment> {
  const { exchange, read } = run;
  if (exchange.response.destroyed) return 'unreranked';
  if (error instanceof ProxyError) return refuse(exchange, error);
  if (run.refusal) return giveRefusal(parts, run, run.refusal);
  if (error instanceof AnswerTooLarge) return pass(parts, exchange, read, 'unsupported-request');
  if (error instanceof RangeError) return refuse(exchange, wrongWish(error.message));
  if (error instanceof DeadlineExceededError) {
    return parts.isFailOpen ? giveLate(parts, run, error) : refuse(exchange, timedOut(error));
  }
  parts.onFault(error);
  const isOurs = !(error instanceof FirstStageError);
  if (isOurs && !parts.isFailOpen) return refuse(exchange, rerankFailed(error));
  return pass(parts, exchange, read, 'rerank-error');
}

/** Passes the cluster's refusal back unchanged, unless the cluster refused only our changes. */
function giveRefusal(
  parts: SearchParts,
  run: SearchRun,
  refusal: FirstStageError,
): Promise<Treatment> | Treatment {
  const { exchange, read } = run;
  const isOdd = run.isChanged && refusal.statusCode === 200;
  if (isOdd || run.plans.some((plan) => parts.adapter.refusedChanges(plan, refusal))) {
    return pass(parts, exchange, read, 'first-stage-error');
  }
  writeAnswer(exchange, run.answered!, undefined, ['X-Blockrank', 'unreranked; reason=first-stage-error']);
  return 'unreranked';
}

/** Waits for the cluster's answer after the deadline, and gives it in its own order. */
async function giveLate(
  parts: SearchParts,
  run: SearchRun,
  error: DeadlineExceededError,
): Promise<Treatment> {
  try {
    const answer = run.isAgain ? undefined : await run.sending;
    const entries = answer && entriesOf(run, answer);
    if (!entries || hasLost(parts, run, entries)) {
      return await pass(parts, run.exchange, run.read, 'deadline');
    }
    const inOrder = entries.map((entry, i) => firstStageOrder(parts, run, error, { entry, i }));
    const whole = run.search.kind === 'search' ? inOrder[0]! : { ...answer, responses: inOrder };
    return await giveAnswer(parts, run, whole);
  } catch (failure) {
    return recover(parts, run, failure);
  }
}

function entriesOf({ search }: SearchRun, answer: WireAnswer): readonly WireAnswer[] {
  return search.kind === 'search' ? [answer] : (answer['responses'] as readonly WireAnswer[]);
}

function firstStageOrder(
  { adapter }: SearchParts,
  run: SearchRun,
  error: DeadlineExceededError,
  { entry, i }: { readonly entry: WireAnswer; readonly i: number },
): JsonObject {
  if ('error' in entry) return entry;
  const firstStageMs = performance.now() - run.startedMs;
  const timings = { firstStageMs, rerankMs: 0, totalMs: firstStageMs };
  const plan = run.plans[i]!;
  const { warnings } = plan;
  return adapter.applyOutcome(plan, entry, { reranked: false, reason: 'deadline', error, timings, warnings });
}

/** Whether hits are missing because the cluster refused our changes. */
function hasLost({ adapter }: SearchParts, run: SearchRun, entries: readonly WireAnswer[]): boolean {
  return run.plans.some((plan, i) => adapter.refusedChanges(plan, toItemAnswer(entries[i]!)));
}
