/** Asks again when a server is busy or away, after waits that grow and are never the same. */
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { FirstStageError } from '../../engine/index.ts';

/** How long a busy server is waited for. */
export interface PatienceOptions {
  /** How often it is asked again. @defaultValue 12 */
  readonly maxAttempts?: number | undefined;
  /** About the first wait, in milliseconds. @defaultValue 200 */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait, in milliseconds. @defaultValue 20000 */
  readonly maxDelayMs?: number | undefined;
}

/** Runs work until the server takes it. Work may run several times, so it must not matter when it does. */
export type Patience = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Statuses of a server that is busy, or away for a while. */
const busyStatuses: readonly number[] = [429, 502, 503, 504];

/** Whether a status means that the same call may go well later. */
export function isBusyStatus(status: number): boolean {
  return busyStatuses.includes(status);
}

/** Makes a patience; waits have decorrelated jitter, so that many workers do not come back at once. */
export function patience({
  maxAttempts = 12,
  initialDelayMs = 200,
  maxDelayMs = 20_000,
}: PatienceOptions = {}): Patience {
  const backoff = new ExponentialBackoff({ initialDelay: initialDelayMs, maxDelay: maxDelayMs });
  const policy = retry(handleWhen(isBusy), { maxAttempts, backoff });
  return (work, signal) =>
    policy.execute(() => {
      signal?.throwIfAborted();
      return work();
    }, signal);
}

/** Without a status there was no answer at all: the connection was refused or lost. */
function isBusy(error: Error): boolean {
  if (!(error instanceof FirstStageError)) return false;
  return error.statusCode === undefined ? isLostConnection(error.cause) : isBusyStatus(error.statusCode);
}

function isLostConnection(cause: unknown): boolean {
  const name = cause instanceof Error ? cause.name : '';
  return ['ConnectionError', 'NoLivingConnectionsError', 'TimeoutError'].includes(name);
}
