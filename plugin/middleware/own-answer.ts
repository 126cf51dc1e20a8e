/** Carries a server's answers without hits past the stage: they go back to the caller unchanged. */
import { isObject, type JsonObject } from '../../adapters/search-body/index.ts';

/** The answer to a client's call. */
export interface TransportAnswer {
  /** The body, parsed where it was JSON. */
  readonly body: unknown;
  /** HTTP status. */
  readonly statusCode?: number | null;
}

/**
 * An answer without hits, as an error for the stage: it has a status that the caller ignores, or another form than
 * JSON.
 */
export class OwnAnswer extends Error {
  /** The body of the answer. */
  readonly body: unknown;
  /** HTTP status. */
  readonly statusCode: number | undefined;

  constructor({ body, statusCode }: TransportAnswer) {
    super(`The server answered without hits (status ${statusCode ?? 'unknown'}).`);
    this.body = body;
    this.statusCode = statusCode ?? undefined;
  }
}

/** The answer to one search. @throws OwnAnswer when it is no search's answer. */
export function searchAnswer<Response>(answer: TransportAnswer): Response {
  if (!hasHits(answer.body)) throw new OwnAnswer(answer);
  return answer.body as Response;
}

/** The answers to several searches. @throws OwnAnswer when the answer holds none. */
export function searchAnswers(
  answer: TransportAnswer,
): JsonObject & { readonly responses: readonly unknown[] } {
  const { body } = answer;
  if (!isObject(body) || !Array.isArray(body['responses'])) throw new OwnAnswer(answer);
  return body as JsonObject & { readonly responses: readonly unknown[] };
}

/** The answer to one search of a multi-search, or the server's error for it. */
export function toItemAnswer<Response>(item: Response): Response | Error {
  const statusCode = isObject(item) && typeof item['status'] === 'number' ? item['status'] : null;
  return hasHits(item) ? item : new OwnAnswer({ body: item, statusCode });
}

/** Tells a failure on our side in the shape of the server's own: an item's error touches no other item. */
export function fromItemAnswer(answer: unknown): unknown {
  if (answer instanceof OwnAnswer) return answer.body;
  if (!(answer instanceof Error)) return answer;
  return { error: { type: answer.name, reason: answer.message, root_cause: [] }, status: 500 };
}

/** The body of a thrown answer. @throws the error itself when it is no answer. */
export function ownBody(error: unknown): unknown {
  if (error instanceof OwnAnswer) return error.body;
  throw error;
}

function hasHits(body: unknown): boolean {
  return isObject(body) && isObject(body['hits']) && Array.isArray(body['hits']['hits']);
}
