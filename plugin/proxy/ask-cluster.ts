/** Sends the stage's plans to the cluster, with the caller's own headers, and reads the answer. */
import type { Plan } from '../../adapters/adapter.ts';
import { isObject } from '../../adapters/search-body/index.ts';
import { FirstStageError } from '../../engine/index.ts';
import { type Answered, ask } from './ask.ts';
import { valuesOf } from './headers.ts';
import type { CallerFetch, WireAnswer, WireSearch } from './proxy-adapter.ts';
import { isJson } from './search-head.ts';
import type { SearchParts, SearchRun } from './search-run.ts';

/** Most bytes of the states of one list: enough for a thousand documents of tier `tokens`. */
const maxStatesBytes = 256 * 1024 * 1024;

/**
 * Asks for the answer, and keeps it in the run. The stage's deadline does not end the call: the caller still wants the
 * cluster's answer after it.
 *
 * @throws FirstStageError when the answer is an error, or cannot be reranked.
 */
export function askCluster(
  parts: SearchParts,
  run: SearchRun,
  plans: readonly Plan<WireSearch>[],
): Promise<WireAnswer> {
  run.sending = send(parts, run, plans);
  run.sending.catch(() => undefined);
  return run.sending;
}

async function send(
  parts: SearchParts,
  run: SearchRun,
  plans: readonly Plan<WireSearch>[],
): Promise<WireAnswer> {
  const { forwarding, maxAnswerBytes } = parts;
  const limits = { signal: run.signal, maxBytes: maxAnswerBytes };
  const answered = await ask(forwarding, run.search.toCall(plans), limits);
  const answer = readAnswer(parts, run, answered);
  const refusal = answer ? undefined : refusalOf(parts, answered);
  // When some of several searches are sent again, the first answer is the one to go back.
  if (!run.isAgain) {
    const isChanged = plans.some(({ request, original }) => request !== original);
    Object.assign(run, { answered, refusal, isChanged });
  }
  if (answer) return answer;
  throw refusal!;
}

/**
 * Asks for the answer to a second search on behalf of the same caller. Whatever comes of it, the caller's answer is that
 * of the first.
 *
 * @throws FirstStageError when the answer is an error, or cannot be read. @throws AnswerTooLarge
 */
export async function askAgain(
  parts: SearchParts,
  run: SearchRun,
  plan: Plan<WireSearch>,
  own: AbortSignal | undefined,
): Promise<WireAnswer> {
  const signal = own ? AbortSignal.any([run.signal, own]) : run.signal;
  const limits = { signal, maxBytes: parts.maxAnswerBytes };
  const answered = await ask(parts.forwarding, run.search.toCall([plan]), limits);
  const answer = readAnswer(parts, run, answered);
  if (answer) return answer;
  throw refusalOf(parts, answered);
}

/** The answer parsed; `undefined` when it is an error, cannot be unpacked, or is no answer to a search. */
function readAnswer(parts: SearchParts, run: SearchRun, answered: Answered): WireAnswer | undefined {
  const { status, headers, plain } = answered;
  if (status !== 200 || !plain || !isJson(valuesOf(headers, 'content-type')[0] ?? '')) return undefined;
  const { adapter } = parts;
  const fetch = stateFetch(parts, run);
  try {
    if (run.search.kind === 'search') {
      const answer = adapter.read(plain, fetch);
      return isObject(answer['hits']) ? answer : undefined;
    }
    const answer = adapter.readMany(plain, fetch);
    return Array.isArray(answer['responses']) ? answer : undefined;
  } catch (error) {
    // The caller gets the cluster's own answer, whatever it holds.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Fetches block states on behalf of the same caller. */
function stateFetch({ forwarding, adapter }: SearchParts, { search, signal }: SearchRun): CallerFetch {
  return async (docs, own) => {
    const limits = { signal: own ? AbortSignal.any([signal, own]) : signal, maxBytes: maxStatesBytes };
    const answered = await ask(forwarding, search.toOwn('/_mget', { docs }), limits);
    if (answered.status === 200 && answered.plain) return JSON.parse(answered.plain.toString('utf8'));
    throw new FirstStageError(
      `The cluster at ${forwarding.target.address} answered the request for ${docs.length} block states with status ${answered.status}: callers need the right to read the indices of states.`,
      { adapter: adapter.name, statusCode: answered.status },
    );
  };
}

function refusalOf({ forwarding, adapter }: SearchParts, { status, plain }: Answered): FirstStageError {
  return new FirstStageError(
    `The cluster at ${forwarding.target.address} answered a search with status ${status}: see the answer, which the caller was given.`,
    { adapter: adapter.name, statusCode: status },
    { cause: parsed(plain) },
  );
}

/** The body of a cluster's error, parsed. */
function parsed(plain: Buffer | undefined): unknown {
  try {
    return plain && JSON.parse(plain.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
