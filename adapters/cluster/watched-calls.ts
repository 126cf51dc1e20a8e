/** Watches calls, and tells a listener when the server goes away and when it is back. */
import type { FirstStageError } from '../../engine/index.ts';
import { isAwayStatus, isLost } from './patience.ts';
import type { ServerCalls } from './server-calls.ts';

/** Listener to a server's going and coming. */
export interface AwayListener {
  /**
   * Called when the server has not answered several calls in a row, once until it is back. @param reason - Why the last
   * call failed.
   */
  readonly onAway?: ((reason: string) => void) | undefined;
  /** Called when the server answers again. */
  readonly onBack?: (() => void) | undefined;
}

/** Calls without an answer, in a row, that make a server count as away; one lost connection alone does not. */
const toldAfter = 3;

/** The given calls, watched for the listener. */
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
