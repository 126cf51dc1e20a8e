/** Asks again when a server is busy or away, after waits that grow and are never the same. */
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { FirstStageError } from '../../engine/index.ts';

/** How long calls wait for a busy server. */
export interface PatienceOptions {
  /** How often a call is repeated. @defaultValue 12 */
  readonly maxAttempts?: number | undefined;
  /** About the first wait, in milliseconds. @defaultValue 200 */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait, in milliseconds. @defaultValue 20000 */
  readonly maxDelayMs?: number | undefined;
}

/** Runs work until the server takes it. Work may run several times, so repeating it must change nothing. */
export type Patience = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Whether a status means that the same call may succeed later. */
export function isBusyStatus(status: number): boolean {
  return status === 429 || isAwayStatus(status);
}

/** Whether a status means that a server, or a part of it, is away for a while. */
export function isAwayStatus(status: number): boolean {
  return [502, 503, 504].includes(status);
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

/** Whether an error means that the same work may succeed later. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof FirstStageError)) return false;
  return error.statusCode === undefined ? isLost(error) : isBusyStatus(error.statusCode);
}

/** Whether there was no answer at all: the connection was refused or lost. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof FirstStageError) || error.statusCode !== undefined) return false;
  const name = error.cause instanceof Error ? error.cause.name : '';
  return ['ConnectionError', 'NoLivingConnectionsError', 'TimeoutError'].includes(name);
}
