/** Asks the first stage; and once more with the user's own request, where the plan's changes cost hits. */
import type { Plan } from '../../adapters/adapter.ts';
import { FirstStageError } from '../../engine/index.ts';
import type { Budget } from '../guard/budget.ts';
import type { StageAdapter } from './options.ts';
import type { StageParts } from './parts.ts';

/**
 * The first stage's answer to a request, and the plan that it answers: another plan when the user's own request was
 * sent.
 */
export interface Found<Request, Answer> {
  /** The plan that was sent. */
  readonly plan: Plan<Request>;
  /** The first stage's answer. */
  readonly answer: Answer;
}

/** Asks the first stage within the time limit; without its answer the search fails. */
export async function firstStage<Request, Response, T>(
  { settings, events, source }: StageParts<Request, Response>,
  budget: Budget,
  requests: number,
  fetch: () => Promise<T>,
): Promise<T> {
  budget.signal.throwIfAborted();
  try {
    return await settings.tracing.trace('first-stage', { ...source, requests }, () => budget.within(fetch()));
  } catch (error) {
    budget.throwIfAbandoned();
    events.failure({ ...source, phase: 'first-stage', error });
    // A client that noticed the abort first throws its own error; the deadline is the true cause.
    if (budget.signal.aborted) throw budget.signal.reason;
    throw error;
  }
}

/** The adapter to ask, and the signal that ends the asking. */
export interface Asking<Request, Response> {
  /** Reads the answers. */
  readonly adapter: StageAdapter<Request, Response>;
  /** Aborts once no caller waits for the answer. */
  readonly signal: AbortSignal;
}

/** Asks for one plan. Rejects as `ask` does. */
export async function findOne<Request, Response>(
  asking: Asking<Request, Response>,
  plan: Plan<Request>,
  ask: (plan: Plan<Request>) => Promise<Response>,
): Promise<Found<Request, Response>> {
  const [first] = await Promise.allSettled([ask(plan)]);
  const again = asItCame(asking, plan, first.status === 'fulfilled' ? first.value : first.reason);
  if (again) return { plan: again, answer: await ask(again) };
  if (first.status === 'rejected') throw first.reason;
  return { plan, answer: first.value };
}

type AskMany<Request, Response> = (plans: readonly Plan<Request>[]) => Promise<readonly (Response | Error)[]>;

/** Asks for several plans at once, one answer or error each; rejects only when the whole call failed. */
export async function findAll<Request, Response>(
  asking: Asking<Request, Response>,
  plans: readonly Plan<Request>[],
  ask: AskMany<Request, Response>,
): Promise<readonly Found<Request, Response | Error>[]> {
  const [first] = await Promise.allSettled([askChecked(asking, plans, ask)]);
  if (first.status === 'rejected') return findAllAgain(asking, plans, ask, first.reason);
  const found = plans.map((plan, i) => ({ plan, answer: first.value[i]! }));
  const again = found.map(({ plan, answer }) => asItCame(asking, plan, answer));
  const repeated = again.filter((plan) => plan !== undefined);
  if (repeated.length === 0) return found;
  const answers = await askChecked(asking, repeated, ask).catch(toError);
  return found.map((one, i) => {
    const plan = again[i];
    if (!plan) return one;
    return { plan, answer: answers instanceof Error ? answers : answers[repeated.indexOf(plan)]! };
  });
}

/** Asks for several plans; where one refused search ended the whole call, asks again with the users' own requests. */
async function findAllAgain<Request, Response>(
  asking: Asking<Request, Response>,
  plans: readonly Plan<Request>[],
  ask: AskMany<Request, Response>,
  failure: unknown,
): Promise<readonly Found<Request, Response | Error>[]> {
  const again = plans.map((plan) => asItCame(asking, plan, failure) ?? plan);
  if (again.every((plan, i) => plan === plans[i])) throw failure;
  const answers = await askChecked(asking, again, ask);
  return again.map((plan, i) => ({ plan, answer: answers[i]! }));
}

/**
 * The plan of the user's own request, when this answer says that the plan's changes cost hits; otherwise `undefined`.
 */
function asItCame<Request, Response>(
  { adapter, signal }: Asking<Request, Response>,
  plan: Plan<Request>,
  answer: unknown,
): Plan<Request> | undefined {
  const warning = adapter.refusedChanges?.(plan, answer as Response | Error);
  if (!warning) return undefined;
  // After an abort no caller would get the second answer.
  signal.throwIfAborted();
  const { query: _query, ...rest } = plan;
  const warnings = [...plan.warnings, warning];
  return { ...rest, request: plan.original, reason: 'first-stage-error', warnings };
}

async function askChecked<Request, Response>(
  { adapter }: Asking<Request, Response>,
  plans: readonly Plan<Request>[],
  ask: AskMany<Request, Response>,
): Promise<readonly (Response | Error)[]> {
  if (plans.length === 0) return [];
  const answers = await ask(plans);
  if (answers.length === plans.length) return answers;
  throw new FirstStageError(
    `Cannot match the answers of "${adapter.name}" to the requests: ${plans.length} were sent, ${answers.length} came back.`,
    { adapter: adapter.name },
  );
}

/** The reason of a rejection as an error. */
export function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}
