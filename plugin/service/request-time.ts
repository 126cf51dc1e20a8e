/** The time of one request: its own deadline, the service's limit, and the caller, who may go away. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { deadlineHeader, longestTimerMs } from '../../engine/index.ts';
import { ServiceFault } from './fault.ts';

/** One request's time. */
export interface RequestTime {
  /** Aborts with a {@link ServiceFault}: `deadline` or `aborted`. */
  readonly signal: AbortSignal;
  /** Time that the request has left, in milliseconds. */
  leftMs(): number;
  /**
   * Refuses a late request, before it gets an answer as if it were in time. @throws ServiceFault `deadline` when no
   * time is left.
   */
  assertLeft(): void;
  /** Frees the timer. */
  close(): void;
}

/** The header by which Envoy tells a service how long it will wait. */
const envoyHeader = 'x-envoy-expected-rq-timeout-ms';

/**
 * Starts the clock with the smaller of the service's limit and the headers' deadline.
 *
 * @throws ServiceFault when a header holds no number of milliseconds.
 */
export function requestTime(
  headers: IncomingHttpHeaders,
  response: ServerResponse,
  { deadlineMs, startedMs, now }: { deadlineMs: number; startedMs: number; now: () => number },
): RequestTime {
  const allowedMs = Math.min(
    deadlineMs,
    ...[deadlineHeader, envoyHeader].map((name) => headerMs(headers, name)),
  );
  const leftMs = (): number => allowedMs - (now() - startedMs);
  const controller = new AbortController();
  const late = (): ServiceFault =>
    new ServiceFault(
      'deadline',
      `No ranking within the ${allowedMs} ms there were. Allow more time, or send fewer documents.`,
      { retryAfterS: 1 },
    );
  const onClose = (): void => {
    if (!response.writableEnded) controller.abort(new ServiceFault('aborted', 'The caller went away.'));
  };
  const timer = setTimeout(() => controller.abort(late()), Math.max(0, Math.min(leftMs(), longestTimerMs)));
  response.once('close', onClose);
  return {
    signal: controller.signal,
    leftMs,
    assertLeft() {
      // The timer may be late: a thread that is busy past the deadline runs no timers.
      if (leftMs() <= 0) throw late();
    },
    close() {
      clearTimeout(timer);
      response.off('close', onClose);
    },
  };
}

function headerMs(headers: IncomingHttpHeaders, name: string): number {
  const text = headers[name];
  if (text === undefined || text === '') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new ServiceFault('invalid', `Cannot read the header ${name}: expected milliseconds above 0.`);
}
