/** Plain calls to a search server through its official client, which brings credentials, certificates and signing. */
import { FirstStageError } from '../../engine/index.ts';
import { serverReason, toFirstStageError } from '../search-body/errors.ts';

/** One call. */
export interface ServerRequest {
  /** The method. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The path, encoded. */
  readonly path: string;
  /** Parameters of the address. @defaultValue none */
  readonly querystring?: Readonly<Record<string, string>> | undefined;
  /** What is sent as JSON. @defaultValue nothing */
  readonly body?: object | undefined;
}

/** What the server answered, whatever its status. */
export interface ServerAnswer {
  /** HTTP status. */
  readonly status: number;
  /** What was sent, parsed where it is JSON. */
  readonly body: unknown;
}

/** A server that can be called. Safe to call concurrently. */
export interface ServerCalls {
  /** Which server this is: `opensearch` or `elasticsearch`. */
  readonly server: 'opensearch' | 'elasticsearch';
  /**
   * Sends one call, once: nothing here may happen twice because an answer was late.
   *
   * @throws FirstStageError when there is no answer. An answer with an error status is an answer.
   */
  request(
    request: ServerRequest,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ServerAnswer>;
}

/** The part of either official client that is used. */
export interface TransportOwner {
  /** The client's transport. */
  readonly transport: {
    /** Sends one call. */
    request(params: never, options?: never): Promise<unknown>;
  };
}

/** Calls through a client of yours, of `@opensearch-project/opensearch` or `@elastic/elasticsearch`. */
export function serverCalls(client: TransportOwner, server: ServerCalls['server']): ServerCalls {
  return {
    server,
    async request({ method, path, querystring = {}, body }, { signal } = {}) {
      const params = { method, path, querystring, ...(body !== undefined && { body }) };
      const call = client.transport.request(params as never, { meta: true, maxRetries: 0, signal } as never);
      // The one client takes a signal, the promises of the other can be aborted.
      const abort = (): void => {
        // Not given back: Node throws what a listener's promise rejects with.
        (call as { abort?: () => void }).abort?.();
      };
      signal?.addEventListener('abort', abort, { once: true });
      try {
        const { statusCode, body: answer } = (await call) as { statusCode: number; body: unknown };
        return { status: statusCode, body: answer };
      } catch (error) {
        const answer = answerOf(error);
        if (answer) return answer;
        throw toFirstStageError(server, `${method} ${path}`, error);
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
  };
}

/** The clients throw what has an error status; `instanceof` does not cross packages. */
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

/** The answer when its status is one of success, or one that is allowed besides. */
export function accepted(
  answer: ServerAnswer,
  { server, what, allowed = [], advice }: Refusal,
): ServerAnswer {
  if (answer.status < 400 || allowed.includes(answer.status)) return answer;
  const said = saidBy(answer);
  throw new FirstStageError(
    `Cannot ${what} (status ${answer.status}): ${said}. ${advice?.(answer) ?? commonAdvice(answer)}`,
    { adapter: server, statusCode: answer.status },
    { cause: answer },
  );
}

/** What is said about an answer that is a refusal. */
export interface Refusal {
  /** Which server answered. */
  readonly server: ServerCalls['server'];
  /** What was being done, after "Cannot". */
  readonly what: string;
  /** Error statuses that are fine. @defaultValue none */
  readonly allowed?: readonly number[];
  /** What to do about it, where the server's words tell. */
  readonly advice?: (answer: ServerAnswer) => string | undefined;
}

function commonAdvice({ status }: ServerAnswer): string {
  if (status === 401) return 'Check the credentials.';
  if (status === 403) return 'Give these credentials the rights of whoever administers the cluster.';
  if (status >= 500) return "Look at the server's log.";
  return 'The reason names what is wrong.';
}
