/** Sends a plan's calls, one after another, and waits for the server to do what it does in its own time. */
import { setTimeout as timer } from 'node:timers/promises';
import { FirstStageError } from '../../engine/index.ts';
import {
  accepted,
  type Refusal,
  type ServerAnswer,
  type ServerCalls,
  type ServerRequest,
  saidBy,
} from '../cluster/server-calls.ts';
import type { InstallPlan, PlanStep, Wait } from './plan.ts';

/** Options of {@link runPlan}. */
export interface RunOptions {
  /** The server. */
  readonly calls: ServerCalls;
  /** Called before every step. @defaultValue nothing is called */
  readonly onStep?: ((step: PlanStep) => void) | undefined;
  /** Advice on a refusal, where the server's words tell what to do. @defaultValue common advice */
  readonly advice?: Refusal['advice'];
  /** Ends the run between and during calls; finished steps stay, and the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for one thing, in milliseconds. @defaultValue 120000 */
  readonly waitMs?: number | undefined;
  /** Time between two questions about one thing, in milliseconds. @defaultValue 250 */
  readonly pollMs?: number | undefined;
  /** Lets time pass, in milliseconds: before a step, and between two questions. @defaultValue a timer */
  readonly sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<unknown>) | undefined;
}

const defaultWaitMs = 120_000;
const defaultPollMs = 250;

/** The ids that a run has bound, by name. */
type Bindings = Readonly<Record<string, string>>;

/**
 * Runs a plan. A step that fails ends the run. Earlier steps stay done, except those that say how to undo them, and a
 * later run goes on from there.
 *
 * @returns Notes on tolerated refusals, in words; empty when there were none.
 * @throws FirstStageError naming the step, the server's words, what to do, and the state that things are in.
 */
export async function runPlan(plan: InstallPlan, options: RunOptions): Promise<readonly string[]> {
  let bindings: Bindings = {};
  let undo: ServerRequest | undefined;
  const notes: string[] = [];
  for (const step of plan.steps) {
    undo = step.undo ?? undo;
    try {
      const answer = await runStep(step, bindings, options);
      if (isLeft(step, answer)) notes.push(`${step.mayBeRefused!.note} (${saidBy(answer)})`);
      else bindings = { ...bindings, ...boundBy(step, answer, options) };
      for (const wait of step.waits ?? []) await waitFor(wait, bindings, options);
    } catch (error) {
      throw toldWithState(error, [step.ifItFails, await undone(undo, options)]);
    }
    if (undo && isSameCall(step.request, undo)) undo = undefined;
  }
  return notes;
}

async function runStep(step: PlanStep, bindings: Bindings, options: RunOptions): Promise<ServerAnswer> {
  options.signal?.throwIfAborted();
  options.onStep?.(step);
  if (step.pauseMs) await sleep(step.pauseMs, options);
  return send(step, bindings, options);
}

function sleep(ms: number, { signal, sleep: pass }: RunOptions): Promise<unknown> {
  return pass ? pass(ms, signal) : timer(ms, undefined, { signal });
}

/**
 * Takes a step back, also after an abort: it is one short call.
 *
 * @returns What could not be taken back, in words; `undefined` when all was.
 */
async function undone(undo: ServerRequest | undefined, { calls }: RunOptions): Promise<string | undefined> {
  if (!undo) return undefined;
  const left = (why: string): string =>
    `${undo.method} ${undo.path} failed as well (${why}): send it before the next run.`;
  try {
    const answer = await calls.request(undo);
    return answer.status < 400 || answer.status === 404 ? undefined : left(saidBy(answer));
  } catch (error) {
    if (!(error instanceof FirstStageError)) throw error;
    return left(error.message);
  }
}

function isSameCall(one: ServerRequest, other: ServerRequest): boolean {
  return one.method === other.method && one.path === other.path;
}

/** The same error with the state of things added; an abort keeps its own reason, for the caller knows. */
function toldWithState(error: unknown, said: readonly (string | undefined)[]): unknown {
  const state = said.filter((one) => one !== undefined);
  if (!(error instanceof FirstStageError) || state.length === 0) return error;
  const { adapter, statusCode, cause, message } = error;
  return new FirstStageError([message, ...state].join(' '), { adapter, statusCode }, { cause });
}

async function send(step: PlanStep, bindings: Bindings, options: RunOptions): Promise<ServerAnswer> {
  const { calls, signal, advice, waitMs = defaultWaitMs, pollMs = defaultPollMs } = options;
  const request = bound(step.request, bindings);
  const wait = { signal, timeoutMs: step.timeoutMs };
  const end = performance.now() + waitMs;
  let answer = await calls.request(request, wait);
  while (isPassing(step, answer) && performance.now() < end) {
    await sleep(pollMs, options);
    await calls.request(bound(step.mayHaveToWait!.remedy, bindings), wait);
    answer = await calls.request(request, wait);
  }
  if (isLeft(step, answer)) return answer;
  const allowed = step.mayBeGone ? [404] : [];
  accepted(answer, { server: calls.server, what: step.does, allowed, ...(advice && { advice }) });
  const fault = answer.status < 400 ? step.faultOf?.(answer.body) : undefined;
  if (fault === undefined) return answer;
  throw new FirstStageError(`Cannot ${step.does}: ${fault}`, { adapter: calls.server }, { cause: answer });
}

function isPassing({ mayHaveToWait }: PlanStep, answer: ServerAnswer): boolean {
  return isRefusal(answer, mayHaveToWait?.sign);
}

/** Whether the server's refusal is one that the step tolerates. */
function isLeft({ mayBeRefused }: PlanStep, answer: ServerAnswer): boolean {
  return isRefusal(answer, mayBeRefused?.sign);
}

function isRefusal(answer: ServerAnswer, sign: RegExp | undefined): boolean {
  return answer.status >= 400 && (sign?.test(saidBy(answer)) ?? false);
}

function boundBy(step: PlanStep, answer: ServerAnswer, { calls }: RunOptions): Bindings {
  return Object.fromEntries(
    Object.entries(step.binds ?? {}).map(([name, property]) => {
      const value = propertyOf(answer, property);
      if (value !== undefined) return [name, value];
      throw new FirstStageError(
        `Cannot ${step.does}: the server answered ${answer.status} without "${property}". Look at the server's log.`,
        { adapter: calls.server, statusCode: answer.status },
      );
    }),
  );
}

async function waitFor(wait: Wait, bindings: Bindings, options: RunOptions): Promise<void> {
  const { calls, signal, waitMs = defaultWaitMs, pollMs = defaultPollMs } = options;
  const request = bound(wait.request, bindings);
  const end = performance.now() + waitMs;
  for (;;) {
    const answer = accepted(await calls.request(request, { signal }), {
      server: calls.server,
      what: `ask about ${wait.what}`,
      // Some nodes may not yet find a thing that was just made.
      allowed: [404],
    });
    const state = propertyOf(answer, wait.state) ?? 'unknown';
    if (state === wait.until) return;
    const said = propertyOf(answer, 'error');
    if (wait.failed.includes(state)) throw failure(wait, calls, `it ended as "${state}"`, said);
    if (performance.now() > end) {
      throw failure(wait, calls, `after ${waitMs / 1000} s it was still "${state}"`, said);
    }
    await sleep(pollMs, options);
  }
}

function failure(
  wait: Wait,
  { server }: ServerCalls,
  how: string,
  said: string | undefined,
): FirstStageError {
  const reason = said === undefined ? '' : `: ${said}`;
  return new FirstStageError(
    `Waiting for ${wait.what} failed: ${how}${reason}. Look at the server's log, then run this again: it goes on from there.`,
    { adapter: server },
  );
}

function propertyOf({ body }: ServerAnswer, name: string): string | undefined {
  const value = (body as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A copy of the call with every bound `<name>` replaced. */
function bound(request: ServerRequest, bindings: Bindings): ServerRequest {
  const replaced = (text: string): string =>
    text.replace(/<([a-z_]+)>/g, (whole, name: string) => bindings[name] ?? whole);
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return replaced(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one)]));
  };
  return {
    ...request,
    path: replaced(request.path),
    ...(request.body && { body: walk(request.body) as object }),
  };
}
