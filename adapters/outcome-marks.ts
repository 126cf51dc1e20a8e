/** The marks that every adapter leaves on responses and hits, made in one place. */
import type { HitMark, Outcome, OutcomeMark, RankedHit } from './adapter.ts';

/** The response's mark. `windowHits` is how many hits the window held. */
export function toOutcomeMark(outcome: Outcome, windowHits: number): OutcomeMark {
  const { timings, warnings } = outcome;
  const told = { timings, ...(warnings.length > 0 && { warnings }) };
  if (outcome.reranked) {
    const { cached, usage } = outcome;
    return { reranked: true, rankWindowSize: windowHits, cached, usage, ...told };
  }
  const { reason, error } = outcome;
  return {
    reranked: false,
    reason,
    ...(error && { error: { code: error.code, message: error.message } }),
    ...told,
  };
}

/** The mark of a reranked hit. `place` is its 0-based place in the list. */
export function toHitMark(ranked: RankedHit, place: number, firstStageScore: number | undefined): HitMark {
  const { score, calibratedScore, firstStageRank, explanation } = ranked;
  // Property by property: this runs for every hit, and a spread of a condition costs more than all the rest.
  const mark: { -readonly [Key in keyof HitMark]: HitMark[Key] } = { rank: place + 1, score, firstStageRank };
  if (calibratedScore !== undefined) mark.calibratedScore = calibratedScore;
  if (firstStageScore !== undefined) mark.firstStageScore = firstStageScore;
  if (explanation) mark.explanation = explanation;
  return mark;
}

/** The mark of a hit after the window: nothing scored it, so that its score is 0, below every reranked one. */
export function toTailMark(
  place: number,
  firstStageRank: number,
  firstStageScore: number | undefined,
): HitMark {
  return {
    rank: place + 1,
    score: 0,
    firstStageRank,
    ...(firstStageScore !== undefined && { firstStageScore }),
  };
}

/** A hit in its new place. */
export interface PlacedHit<Hit> {
  /** The first stage's hit, untouched. */
  readonly hit: Hit;
  /** What to put on it. */
  readonly mark: HitMark;
}

/**
 * The whole list in the outcome's order: the ranked hits, then, when the outcome keeps it, the tail.
 *
 * @param hits - The first stage's hits from rank 1 on.
 * @param windowSize - How many of them were on the shortlist.
 */
export function placeHits<Hit>(
  hits: readonly Hit[],
  windowSize: number,
  outcome: Extract<Outcome, { readonly reranked: true }>,
  scoreOf: (hit: Hit) => number | undefined,
): readonly PlacedHit<Hit>[] {
  const ranked = outcome.hits.map((entry, place) => {
    const hit = hits[entry.index];
    if (hit === undefined || entry.index >= windowSize) {
      throw new RangeError(
        `applyOutcome: expected positions of the shortlist's ${windowSize} hits, got ${entry.index}.`,
      );
    }
    return { hit, mark: toHitMark(entry, place, scoreOf(hit)) };
  });
  if (!outcome.keepsTail) return ranked;
  const tail = hits.slice(windowSize).map((hit, i) => ({
    hit,
    mark: toTailMark(ranked.length + i, windowSize + i + 1, scoreOf(hit)),
  }));
  return [...ranked, ...tail];
}
