/** Asks the server questions, of which it may refuse some. */
import { accepted, type ServerCalls, type ServerRequest } from '../../install/index.ts';

/**
 * Asks one question; for an error status in the last parameter the answer is empty.
 *
 * @throws FirstStageError for every other error status, and when the server does not answer.
 */
export type Ask = (request: ServerRequest, what: string, allowed?: readonly number[]) => Promise<unknown>;

/** Makes an asker of questions through these calls. */
export function asker(calls: ServerCalls, signal: AbortSignal | undefined): Ask {
  return async (request, what, allowed = []) => {
    const answer = await calls.request(request, { signal });
    accepted(answer, { server: calls.server, what, allowed });
    return answer.status < 400 ? answer.body : undefined;
  };
}
