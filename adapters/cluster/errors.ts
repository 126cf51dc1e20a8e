/** Failures of the search clients, told apart by name and status: `instanceof` does not cross packages. */
import { FirstStageError } from '../../engine/index.ts';
import { describeValue, isObject, type JsonObject } from './json.ts';

/** A client's error as {@link FirstStageError}: what was asked, what the server said, what to do. */
export function toFirstStageError(adapter: string, what: string, error: unknown): FirstStageError {
  if (error instanceof FirstStageError) return error;
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: describeValue(error) };
  const statusCode = statusOf(error);
  const said = serverReason(bodyOf(error)) ?? message;
  const status = statusCode === undefined ? name : `status ${statusCode}`;
  const advice = adviceFor({ name, statusCode, said });
  return new FirstStageError(
    `${what} on "${adapter}" failed (${status}): ${said.replace(/[.\s]+$/, '')}. ${advice}`,
    { adapter, statusCode },
    { cause: error },
  );
}

/** An item of a multi-search that the server refused. */
export function itemError(adapter: string, what: string, item: JsonObject): FirstStageError {
  const statusCode = typeof item['status'] === 'number' ? item['status'] : undefined;
  const said = serverReason(item) ?? 'the server gave no reason';
  const advice = adviceFor({ name: 'ResponseError', statusCode, said });
  const message = `${what} on "${adapter}" failed (status ${statusCode ?? 'unknown'}): ${said.replace(/[.\s]+$/, '')}. ${advice}`;
  return new FirstStageError(message, { adapter, statusCode }, { cause: item });
}

/** What a server answered to a call that was rejected, as far as the error tells it. */
export function answeredWith(error: unknown): {
  readonly statusCode: number | undefined;
  readonly body: unknown;
} {
  const body = bodyOf(error);
  if (!(error instanceof FirstStageError)) return { statusCode: statusOf(error), body };
  // The server's own words are those of the innermost cause: a client's error, or an item of a multi-search.
  const { cause } = error;
  return { statusCode: error.statusCode, body: isObject(cause) ? cause : answeredWith(cause).body };
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { statusCode, meta } = error as { statusCode?: unknown; meta?: { statusCode?: unknown } | null };
  const status = statusCode ?? meta?.statusCode;
  return typeof status === 'number' && status > 0 ? status : undefined;
}

function bodyOf(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return undefined;
  const { body, meta } = error as { body?: unknown; meta?: { body?: unknown } | null };
  return body ?? meta?.body;
}

/** The innermost reason of the server's own error object, with its type. */
export function serverReason(body: unknown): string | undefined {
  if (typeof body === 'string' && body.trim() !== '') return body.trim().slice(0, 300);
  if (!isObject(body)) return undefined;
  const { error, message } = body;
  if (typeof error === 'string') return error;
  if (!isObject(error)) return typeof message === 'string' ? message : undefined;
  const [cause] = Array.isArray(error['root_cause']) ? error['root_cause'] : [];
  const reasons = [error, cause, error['caused_by']].filter(isObject).map(phraseOf);
  return [...new Set(reasons)].filter((phrase) => phrase !== '').join('; caused by ') || undefined;
}

function phraseOf({ type, reason }: JsonObject): string {
  return [type, reason].filter((part) => typeof part === 'string' && part !== '').join(': ');
}

interface Failure {
  readonly name: string;
  readonly statusCode: number | undefined;
  readonly said: string;
}

const adviceByName: Readonly<Record<string, string>> = {
  ConnectionError: "Check the address in the client's options and that the server runs.",
  NoLivingConnectionsError: "Check the addresses in the client's options and that the servers run.",
  TimeoutError: "Raise the client's requestTimeout, or make the query cheaper.",
  DeserializationError:
    "The answer is no JSON: check that the address is a search server and not a proxy's error page.",
  SerializationError: 'The request holds something that JSON cannot say, for instance a cycle or a BigInt.',
  ProductNotSupportedError:
    'This is no Elasticsearch: for OpenSearch take opensearchAdapter with the client of "@opensearch-project/opensearch".',
  ConfigurationError: "Check the client's options.",
  RequestAbortedError:
    "Something other than the call's signal ended the request: look for an abort of the client.",
};

const adviceByStatus: Readonly<Record<number, string>> = {
  400: 'Correct the request; the reason names the part that is wrong.',
  401: "Check the credentials in the client's options.",
  403: 'Give these credentials the privilege to read the index.',
  404: 'Check the name of the index.',
  408: "Raise the client's requestTimeout, or make the query cheaper.",
  413: "Lower rankWindowSize, or raise the server's http.max_content_length.",
  429: 'The server is overloaded: send fewer searches at once, or retry later.',
};

function adviceFor({ name, statusCode, said }: Failure): string {
  if (said.includes('media_type_header_exception')) {
    return 'The client is newer than the server: give it the headers accept and content-type "application/vnd.elasticsearch+json; compatible-with=8", or take the client of the server\'s version.';
  }
  if (said.includes('Result window is too large')) {
    return 'Lower from, size or rankWindowSize, or raise index.max_result_window and give its value as maxResultWindow.';
  }
  const byName = Object.hasOwn(adviceByName, name) ? adviceByName[name] : undefined;
  if (byName !== undefined) return byName;
  if (statusCode === undefined) return "Look at the error's cause.";
  return (
    adviceByStatus[statusCode] ??
    (statusCode >= 500 ? "Look at the server's log, and retry later." : "Look at the error's cause.")
  );
}
