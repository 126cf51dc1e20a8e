/** Plain calls to a search server through its official client, which brings credentials, certificates and signing. */
import { FirstStageError } from '../../engine/index.ts';
import { callAdvice, refusalAdvice } from './advice.ts';
import type { CallOptions } from './contract.ts';
import { serverReason } from './errors.ts';
import { type ClientCall, endedBy } from './own-signal.ts';

/** One call. */
export interface ServerRequest {
  /** The method. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The path of the address, percent-encoded. */
  readonly path: string;
  /** Parameters of the address. @defaultValue none */
  readonly querystring?: Readonly<Record<string, string>> | undefined;
  /** The body, sent as JSON. @defaultValue nothing */
  readonly body?: object | undefined;
}

/** The server's answer, whatever its status. */
export interface ServerAnswer {
  /** HTTP status. */
  readonly status: number;
  /** The answer's body, parsed where it is JSON. */
  readonly body: unknown;
}

/** A server that can be called. Safe to call concurrently. */
export interface ServerCalls {
  /** Which kind of server this is: `opensearch` or `elasticsearch`. */
  readonly server: 'opensearch' | 'elasticsearch';
  /**
   * Sends one call, once: a late answer must not make anything happen twice.
   *
   * @throws FirstStageError when the server does not answer. An answer with an error status is an answer.
   */
  request(request: ServerRequest, options?: ServerCallOptions): Promise<ServerAnswer>;
}

/** Options of one call. */
export interface ServerCallOptions extends CallOptions {
  /** How long the answer may take, in milliseconds. @defaultValue as long as the client waits, 30000 in both */
  readonly timeoutMs?: number | undefined;
}

/** Options of {@link serverCalls}. */
export interface ServerCallsOptions {
  /**
   * Advice on a call without an answer, as a clause; `undefined` leaves the advice to the kind of error.
   * @defaultValue nothing more
   */
  readonly advice?: (error: unknown) => string | undefined;
}

/** The part of either official client that the calls use. */
export interface TransportOwner {
  /** The client's transport. */
  readonly transport: {
    /** Sends one call. */
    request(params: never, options?: never): Promise<unknown>;
  };
}

/** Calls through a client of yours, of `@opensearch-project/opensearch` or `@elastic/elasticsearch`. */
export function serverCalls(
  client: TransportOwner,
  server: ServerCalls['server'],
  { advice }: ServerCallsOptions = {},
): ServerCalls {
  return {
    server,
    async request({ method, path, querystring = {}, body }, { signal, timeoutMs } = {}) {
      const params = { method, path, querystring, ...(body !== undefined && { body }) };
      const wait = timeoutMs !== undefined && { requestTimeout: timeoutMs };
      // Elasticsearch's client takes a signal; OpenSearch's promises can be aborted.
      const send = (own: AbortSignal | undefined): ClientCall<unknown> => {
        const options = { meta: true, maxRetries: 0, signal: own, ...wait };
        return client.transport.request(params as never, options as never) as ClientCall<unknown>;
      };
      try {
        const { statusCode, body: answer } = (await endedBy(signal, send)) as {
          statusCode: number;
          body: unknown;
        };
        return { status: statusCode, body: answer };
      } catch (error) {
        const answer = answerOf(error);
        if (answer) return answer;
        throw withoutAnswer(error, { server, what: `${method} ${path}`, advice: advice?.(error) });
      }
    },
  };
}

/** The error for a call that got no answer: what was asked, how the call ended, what to do. */
function withoutAnswer(
  error: unknown,
  { server, what, advice }: { server: ServerCalls['server']; what: string; advice: string | undefined },
): FirstStageError {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const clause = advice ?? callAdvice(name);
  const told = `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
  return new FirstStageError(
    `${what} on "${server}" got no answer (${name}): ${message.replace(/[.\s]+$/, '')}. ${told}`,
    { adapter: server },
    { cause: error },
  );
}

/** The clients throw answers with an error status; `instanceof` does not cross packages. */
function answerOf(error: unknown): ServerAnswer | undefined {
  const { name, meta } = (error ?? {}) as {
    name?: unknown;
    meta?: { statusCode?: unknown; body?: unknown };
  };
  if (name !== 'ResponseError' || typeof meta?.statusCode !== 'number') return undefined;
  return { status: meta.statusCode, body: meta.body };
}

/** What the server said was wrong, on one line. */
export function saidBy({ status, body }: ServerAnswer): string {
  return serverReason(body)?.replace(/[.\s]+$/, '') ?? `status ${status}, without a reason`;
}

/** The answer, when its status is a success or an allowed error; otherwise throws. */
export function accepted(
  answer: ServerAnswer,
  { server, what, allowed = [], advice }: Refusal,
): ServerAnswer {
  if (answer.status < 400 || allowed.includes(answer.status)) return answer;
  const said = saidBy(answer);
  throw new FirstStageError(
    `Cannot ${what} (status ${answer.status}): ${said}. ${advice?.(answer) ?? refusalAdvice(answer.status, said)}`,
    { adapter: server, statusCode: answer.status },
    { cause: answer },
  );
}

/** What the error says about a refused call. */
export interface Refusal {
  /** Which server answered. */
  readonly server: ServerCalls['server'];
  /** What the call does, as messages say it after "Cannot". */
  readonly what: string;
  /** Error statuses that are no refusal. @defaultValue none */
  readonly allowed?: readonly number[];
  /** Advice on the refusal, where the server's words tell what to do. */
  readonly advice?: (answer: ServerAnswer) => string | undefined;
}
