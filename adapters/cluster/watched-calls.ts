/** Calls that notice when the server goes away, and when it is back. */
import type { FirstStageError } from '../../engine/index.ts';
import { isAwayStatus, isLost } from './patience.ts';
import type { ServerCalls } from './server-calls.ts';

/** Who is told. */
export interface AwayListener {
  /** The server has not answered several calls in a row; told once until it is back. @param reason - Why the last one failed. */
  readonly onAway?: ((reason: string) => void) | undefined;
  /** The server answers again. */
  readonly onBack?: (() => void) | undefined;
}

/** Calls without an answer after which a server is said to be away; a lost connection alone is none. */
const toldAfter = 3;

/** The same calls, watched. */
export function watchedCalls(calls: ServerCalls, { onAway, onBack }: AwayListener): ServerCalls {
  let failures = 0;
  const fail = (reason: string): void => {
    failures += 1;
    if (failures === toldAfter) onAway?.(reason);
  };
  return {
    server: calls.server,
    async request(request, options) {
      try {
        const answer = await calls.request(request, options);
        if (isAwayStatus(answer.status)) fail(`status ${answer.status}`);
        else {
          if (failures >= toldAfter) onBack?.();
          failures = 0;
        }
        return answer;
      } catch (error) {
        if (isLost(error)) fail((error as FirstStageError).message);
        throw error;
      }
    },
  };
}
