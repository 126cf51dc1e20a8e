/** Makes the marks that every adapter leaves on responses and hits. */
import { type Candidate, passagesByField } from '../engine/index.ts';
import type { HitMark, Outcome, OutcomeMark, RankedHit } from './adapter.ts';
import { toHighlight } from './highlight.ts';

/** The response's mark. `windowHits` is how many hits the window held. */
export function toOutcomeMark(outcome: Outcome, windowHits: number): OutcomeMark {
  const { timings, warnings } = outcome;
  const told = { timings, ...(warnings.length > 0 && { warnings }) };
  if (outcome.reranked) {
    const { cached, usage, routed, answerable, secondSearch } = outcome;
    const { read, stoppedBy } = usage;
    const part = { ...(read !== undefined && { read }), ...(stoppedBy && { stoppedBy }) };
    const holds = answerable === undefined ? {} : { answerable };
    const again = secondSearch ? { secondSearch } : {};
    const made = { ...part, ...holds, cached, usage, ...(routed && { routed }), ...again };
    return { reranked: true, rankWindowSize: windowHits, ...made, ...told };
  }
  const { reason, error } = outcome;
  return {
    reranked: false,
    reason,
    ...(error && { error: { code: error.code, message: error.message } }),
    ...told,
  };
}

/** The first stage's part of a hit's mark. */
export interface FirstStageHit {
  /** Its score. */
  readonly firstStageScore: number | undefined;
  /** Its index on the shortlist, for marking what the model looked at. */
  readonly candidate?: Candidate | undefined;
}

/** The mark of a reranked hit. `index` is its 0-based index in the list. */
export function toHitMark(
  ranked: RankedHit,
  index: number,
  { firstStageScore, candidate }: FirstStageHit,
): HitMark {
  const { score, calibratedScore, firstStageRank, explanation, isRead, isDropped, duplicateOf } = ranked;
  const { parts, protectedAs, passages, field, fieldValue, fromSecondSearch } = ranked;
  // Sets one property after another: this runs for every hit, and spreading conditions would cost more than everything
  // else here.
  const mark: { -readonly [Key in keyof HitMark]: HitMark[Key] } = { rank: index + 1, score, firstStageRank };
  if (calibratedScore !== undefined) mark.calibratedScore = calibratedScore;
  if (isRead === false) mark.isRead = false;
  if (isDropped) mark.isDropped = true;
  if (duplicateOf !== undefined) mark.duplicateOf = duplicateOf + 1;
  if (parts) mark.parts = parts;
  if (protectedAs) mark.protectedAs = protectedAs;
  if (field !== undefined) mark.field = field;
  if (fieldValue !== undefined) mark.fieldValue = fieldValue;
  if (fromSecondSearch) mark.fromSecondSearch = true;
  if (firstStageScore !== undefined) mark.firstStageScore = firstStageScore;
  if (explanation) Object.assign(mark, explained(explanation, candidate));
  if (passages && candidate) mark.passages = passagesByField(candidate, passages);
  return mark;
}

function explained(
  explanation: NonNullable<RankedHit['explanation']>,
  candidate: Candidate | undefined,
): Pick<HitMark, 'explanation' | 'highlight'> {
  const highlight = candidate && toHighlight(candidate, explanation.spans);
  return highlight ? { explanation, highlight } : { explanation };
}

/**
 * The mark of a hit after the window. The model did not score the hit, so its score is 0, below every reranked hit's.
 */
export function toTailMark(
  index: number,
  firstStageRank: number,
  firstStageScore: number | undefined,
): HitMark {
  return {
    rank: index + 1,
    score: 0,
    firstStageRank,
    ...(firstStageScore !== undefined && { firstStageScore }),
  };
}

/** The hits that the reranker ranked. */
export interface RankedWindow {
  /** How many there are. */
  readonly size: number;
  /** How many of them a second search added: the last ones. @defaultValue 0 */
  readonly added?: number | undefined;
  /** Gives their candidates; called only where hits are explained or have passages. */
  readonly candidates: () => readonly Candidate[];
}

/** A hit at its new rank. */
export interface ArrangedHit<Hit> {
  /** The first stage's hit, untouched. */
  readonly hit: Hit;
  /** The mark to put on it. */
  readonly mark: HitMark;
}

/**
 * The whole list in the outcome's order: the ranked hits, then, when the outcome keeps it, the tail.
 *
 * @param hits - The first stage's hits from rank 1 on.
 * @param window - The leading hits that were on the shortlist, and their candidates.
 */
export function arrangeHits<Hit>(
  hits: readonly Hit[],
  window: RankedWindow,
  outcome: Extract<Outcome, { readonly reranked: true }>,
  scoreOf: (hit: Hit) => number | undefined,
): readonly ArrangedHit<Hit>[] {
  const { size: windowSize, added = 0 } = window;
  const isRead = outcome.hits.some(({ explanation, passages }) => (explanation ?? passages) !== undefined);
  const candidates = isRead ? window.candidates() : [];
  const ranked = outcome.hits.map((entry, index) => {
    const hit = hits[entry.index];
    if (hit === undefined || entry.index >= windowSize) {
      throw new RangeError(
        `applyOutcome: expected positions of the shortlist's ${windowSize} hits, got ${entry.index}.`,
      );
    }
    // A score of the second search is of another kind.
    const firstStageScore = entry.fromSecondSearch ? undefined : scoreOf(hit);
    const first = { firstStageScore, candidate: candidates[entry.index] };
    return { hit, mark: toHitMark(entry, index, first) };
  });
  if (!outcome.keepsTail) return ranked;
  const tail = hits.slice(windowSize).map((hit, i) => ({
    hit,
    mark: toTailMark(ranked.length + i, windowSize - added + i + 1, scoreOf(hit)),
  }));
  return [...ranked, ...tail];
}
