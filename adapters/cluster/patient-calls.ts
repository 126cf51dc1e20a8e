/** Calls of a build to one server: they wait while it is busy, and throw when it refuses. */
import { FirstStageError } from '../../engine/index.ts';
import { buildAdvice } from './advice.ts';
import type { CallOptions } from './contract.ts';
import { isObject, type JsonObject } from './json.ts';
import { type Patience, type PatienceOptions, patience } from './patience.ts';
import { accepted, type ServerAnswer, type ServerCalls, type ServerRequest, saidBy } from './server-calls.ts';

/** Options of {@link Cluster.ask}. */
export interface AskOptions extends CallOptions {
  /** What the call does, as messages say it after "Cannot". */
  readonly what: string;
  /** Error statuses that count as answers. @defaultValue none */
  readonly allowed?: readonly number[];
}

/** An answer whose body is an object. */
export interface ClusterAnswer {
  /** HTTP status. */
  readonly status: number;
  /** The body. */
  readonly body: JsonObject;
}

/** A server; `ask` repeats a call until the server answers. Safe to call concurrently. */
export interface Cluster {
  /** Which kind of server this is. */
  readonly server: ServerCalls['server'];
  /** Repeats work while the server is busy. */
  readonly patience: Patience;
  /**
   * Sends one call, again while the server is busy. @throws FirstStageError when the server refuses it, or stays busy.
   */
  ask(request: ServerRequest, options: AskOptions): Promise<ClusterAnswer>;
  /** Sends one call once. @throws FirstStageError when the server refuses it, or does not answer. */
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

/** The error for one refused item, with the server's words. */
export function refused(server: ServerCalls['server'], what: string, answer: ServerAnswer): FirstStageError {
  return new FirstStageError(
    `Cannot ${what} (status ${answer.status}): ${saidBy(answer)}.`,
    { adapter: server, statusCode: answer.status },
    { cause: answer },
  );
}
