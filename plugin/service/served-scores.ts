/**
 * Turns a ranking into the scores that leave the service. Search servers are strict readers: OpenSearch fails the
 * search on a number without a point and on one of more than 18 characters, Elasticsearch adds one and rounds to
 * float32. So scores are multiples of a millionth in [0, 1], and documents that differ never share a score.
 */
import type { RankedCandidate, Ranking } from '../../engine/index.ts';

/** A document with the score that the answer holds. */
export interface ServedScore {
  /** 0-based index in the request. */
  readonly index: number;
  /** The score in millionths, in [0, 1000000]. */
  readonly millionths: number;
}

/** Steps of scores in [0, 1]: float32 still tells neighbours apart after Elasticsearch has added 1 or 2. */
const grid = 1_000_000;

/**
 * Scores, best first: the ranking's order, in which equal logits are ties. Documents of equal text and logit score the
 * same and stand together, at the rank of the first of them. A score is the calibrated one where the reranker has one,
 * since thresholds then mean the same from list to list; otherwise it is the share of the list's mass. Where calibrated
 * scores contradict the order they are replaced by the nearest descending sequence. A document that was not read in time
 * scores as the read one above it.
 *
 * @param texts - The documents' texts, in the request's order.
 */
export function servedScores({ candidates }: Ranking, texts: readonly string[]): ServedScore[] {
  const groups = toGroups(candidates, texts);
  const wanted = descending(wantedScores(groups));
  const steps = wanted.map((score) => Math.round(Math.min(1, Math.max(0, score)) * grid));
  // First upwards from the last, so that no score falls below 0; then downwards from the first, so that none stays
  // above 1.
  for (let rank = steps.length - 2; rank >= 0; rank -= 1) {
    steps[rank] = Math.max(steps[rank]!, steps[rank + 1]! + 1);
  }
  return groups.flatMap((group, rank) => {
    const millionths = Math.min(steps[rank]!, grid - rank);
    return group.map(({ index }) => ({ index, millionths }));
  });
}

/** The score that each group would have if no two had to differ. */
function wantedScores(groups: readonly (readonly RankedCandidate[])[]): number[] {
  const own = groups.map(([first]) =>
    first!.isRead === false ? undefined : (first!.calibratedScore ?? first!.score),
  );
  let above = own.find((score) => score !== undefined) ?? 0;
  return own.map((score) => {
    above = score ?? above;
    return above;
  });
}

/** Candidates of equal text and logit, which score the same; groups in the order of their first ones. */
function toGroups(candidates: readonly RankedCandidate[], texts: readonly string[]): RankedCandidate[][] {
  const groups: RankedCandidate[][] = [];
  let tied = new Map<string, RankedCandidate[]>();
  let logit: number | undefined;
  for (const candidate of candidates) {
    if (candidate.logit !== logit) tied = new Map();
    logit = candidate.logit;
    const text = texts[candidate.index]!;
    const group = tied.get(text);
    if (group) {
      group.push(candidate);
      continue;
    }
    const first = [candidate];
    tied.set(text, first);
    groups.push(first);
  }
  return groups;
}

/** The score as the answer spells it: always with a point, at most 8 characters. */
export function scoreLiteral(millionths: number): string {
  return (millionths / grid).toFixed(6);
}

/** The nearest sequence, by least squares, that never rises: runs that rise are replaced by their mean (pool adjacent violators). */
function descending(values: readonly number[]): number[] {
  const runs: { sum: number; length: number }[] = [];
  for (const value of values) {
    runs.push({ sum: value, length: 1 });
    while (runs.length > 1 && mean(runs.at(-1)!) > mean(runs.at(-2)!)) {
      const { sum, length } = runs.pop()!;
      const last = runs.at(-1)!;
      last.sum += sum;
      last.length += length;
    }
  }
  return runs.flatMap((run) => new Array<number>(run.length).fill(mean(run)));
}

const mean = ({ sum, length }: { sum: number; length: number }): number => sum / length;
