/** Questions to the server, of which some may be refused. */
import { accepted, type ServerCalls, type ServerRequest } from '../../install/index.ts';

/**
 * Asks one question; the error statuses named last give an empty answer.
 *
 * @throws FirstStageError for every other error status, and when there is no answer.
 */
export type Ask = (request: ServerRequest, what: string, allowed?: readonly number[]) => Promise<unknown>;

/** Questions through these calls. */
export function asker(calls: ServerCalls, signal: AbortSignal | undefined): Ask {
  return async (request, what, allowed = []) => {
    const answer = await calls.request(request, { signal });
    accepted(answer, { server: calls.server, what, allowed });
    return answer.status < 400 ? answer.body : undefined;
  };
}
