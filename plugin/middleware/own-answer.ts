/** Answers of a server that are no searches' answers: they go back to the caller as they came. */
import { isObject, type JsonObject } from '../../adapters/search-body/index.ts';

/** What a client's call was answered with. */
export interface TransportAnswer {
  /** What came, parsed where it was JSON. */
  readonly body: unknown;
  /** HTTP status. */
  readonly statusCode?: number | null;
}

/** An answer without hits, as an error that the stage can be told: a status that the caller ignores, another form than JSON. */
export class OwnAnswer extends Error {
  /** What came. */
  readonly body: unknown;
  /** HTTP status. */
  readonly statusCode: number | undefined;

  constructor({ body, statusCode }: TransportAnswer) {
    super(`The server answered without hits (status ${statusCode ?? 'unknown'}).`);
    this.body = body;
    this.statusCode = statusCode ?? undefined;
  }
}

/** The answer to one search. @throws OwnAnswer when it is none. */
export function searchAnswer<Response>(answer: TransportAnswer): Response {
  if (!hasHits(answer.body)) throw new OwnAnswer(answer);
  return answer.body as Response;
}

/** The answers to several searches. @throws OwnAnswer when there are none. */
export function searchAnswers(
  answer: TransportAnswer,
): JsonObject & { readonly responses: readonly unknown[] } {
  const { body } = answer;
  if (!isObject(body) || !Array.isArray(body['responses'])) throw new OwnAnswer(answer);
  return body as JsonObject & { readonly responses: readonly unknown[] };
}

/** The answer to one search of a multi-search, or the error that the server gave for it. */
export function toItemAnswer<Response>(item: Response): Response | Error {
  const statusCode = isObject(item) && typeof item['status'] === 'number' ? item['status'] : null;
  return hasHits(item) ? item : new OwnAnswer({ body: item, statusCode });
}

/** What failed on our side is told as the server tells its own: one item's error touches no other. */
export function fromItemAnswer(answer: unknown): unknown {
  if (answer instanceof OwnAnswer) return answer.body;
  if (!(answer instanceof Error)) return answer;
  return { error: { type: answer.name, reason: answer.message, root_cause: [] }, status: 500 };
}

/** What an answer that was thrown held. @throws what it is given when that is no answer. */
export function ownBody(error: unknown): unknown {
  if (error instanceof OwnAnswer) return error.body;
  throw error;
}

function hasHits(body: unknown): boolean {
  return isObject(body) && isObject(body['hits']) && Array.isArray(body['hits']['hits']);
}
