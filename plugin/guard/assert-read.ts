/** Tells a ranking of nothing from a ranking of something. */
import { DeadlineExceededError, type Ranking } from '../../engine/index.ts';

/**
 * Refuses a ranking for which time ran out before any document was read: it holds the first stage's order and no more.
 *
 * @throws DeadlineExceededError
 */
export function assertRead(
  { usage, candidates }: Ranking,
  {
    readWithinMs = Number.POSITIVE_INFINITY,
    elapsedMs,
  }: { readWithinMs?: number | undefined; elapsedMs: number },
): void {
  if (usage.read !== 0 || candidates.length === 0) return;
  throw new DeadlineExceededError({ deadlineMs: readWithinMs, elapsedMs, phase: 'rerank' });
}
