/** Calls of the build to one server: patient, and thrown when they are refused. */
import { FirstStageError } from '../../engine/index.ts';
import { buildAdvice } from './advice.ts';
import type { CallOptions } from './contract.ts';
import { isObject, type JsonObject } from './json.ts';
import { type Patience, type PatienceOptions, patience } from './patience.ts';
import { accepted, type ServerAnswer, type ServerCalls, type ServerRequest, saidBy } from './server-calls.ts';

/** Options of {@link Cluster.ask}. */
export interface AskOptions extends CallOptions {
  /** What is being done, after "Cannot". */
  readonly what: string;
  /** Error statuses that are answers. @defaultValue none */
  readonly allowed?: readonly number[];
}

/** An answer whose body is an object. */
export interface ClusterAnswer {
  /** HTTP status. */
  readonly status: number;
  /** The body. */
  readonly body: JsonObject;
}

/** A server that is asked until it answers. Safe to call concurrently. */
export interface Cluster {
  /** Which server this is. */
  readonly server: ServerCalls['server'];
  /** Repeats work while the server is busy. */
  readonly patience: Patience;
  /** One call. @throws FirstStageError when it is refused, or the server stays busy. */
  ask(request: ServerRequest, options: AskOptions): Promise<ClusterAnswer>;
  /** One call that is not repeated. @throws FirstStageError when it is refused, or there is no answer. */
  askOnce(request: ServerRequest, options: AskOptions): Promise<ClusterAnswer>;
}

/** A cluster over plain calls. */
export function cluster(calls: ServerCalls, options?: PatienceOptions): Cluster {
  const { server } = calls;
  const wait = patience(options);
  const askOnce: Cluster['askOnce'] = async (request, { what, allowed = [], signal }) => {
    const answer = await calls.request(request, { signal });
    const { status, body } = accepted(answer, {
      server,
      what,
      allowed,
      advice: ({ status }) => buildAdvice(status),
    });
    return { status, body: isObject(body) ? body : {} };
  };
  return {
    server,
    patience: wait,
    askOnce,
    ask: (request, asked) => wait(() => askOnce(request, asked), asked.signal),
  };
}

/** A refusal that says what the server said of one item. */
export function refused(server: ServerCalls['server'], what: string, answer: ServerAnswer): FirstStageError {
  return new FirstStageError(
    `Cannot ${what} (status ${answer.status}): ${saidBy(answer)}.`,
    { adapter: server, statusCode: answer.status },
    { cause: answer },
  );
}
