/**
 * Turns failures of the search clients into ours. It tells them apart by name and status: `instanceof` does not cross
 * packages.
 */
import { FirstStageError } from '../../engine/index.ts';
import { searchAdvice } from './advice.ts';
import { describeValue, isObject, type JsonObject } from './json.ts';

/** A client's error as {@link FirstStageError}: what was asked, what the server said, what to do. */
export function toFirstStageError(adapter: string, what: string, error: unknown): FirstStageError {
  if (error instanceof FirstStageError) return error;
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: describeValue(error) };
  const statusCode = statusOf(error);
  const said = serverReason(bodyOf(error)) ?? message;
  const status = statusCode === undefined ? name : `status ${statusCode}`;
  const advice = searchAdvice({ name, statusCode, said });
  return new FirstStageError(
    `${what} on "${adapter}" failed (${status}): ${said.replace(/[.\s]+$/, '')}. ${advice}`,
    { adapter, statusCode },
    { cause: error },
  );
}

/** The error for an item of a multi-search that the server refused. */
export function itemError(adapter: string, what: string, item: JsonObject): FirstStageError {
  const statusCode = typeof item['status'] === 'number' ? item['status'] : undefined;
  const said = serverReason(item) ?? 'the server gave no reason';
  const advice = searchAdvice({ name: 'ResponseError', statusCode, said });
  const message = `${what} on "${adapter}" failed (status ${statusCode ?? 'unknown'}): ${said.replace(/[.\s]+$/, '')}. ${advice}`;
  return new FirstStageError(message, { adapter, statusCode }, { cause: item });
}

/** Status and body of the server's answer to a rejected call, as far as the error tells them. */
export function answeredWith(error: unknown): {
  readonly statusCode: number | undefined;
  readonly body: unknown;
} {
  const body = bodyOf(error);
  if (!(error instanceof FirstStageError)) return { statusCode: statusOf(error), body };
  // The innermost cause holds the server's own words: a client's error, or an item of a multi-search.
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
