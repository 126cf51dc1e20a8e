/** Which of several ways to rank is worth its cost. */
import { mean } from './measures.ts';
import { standardError } from './significance.ts';

/** One way to rank, measured on the same queries as the others. */
export interface CostPoint {
  /** Its name. */
  readonly name: string;
  /** Its measure by query, in the order of the queries, which is the same for all points. */
  readonly values: readonly number[];
  /** Mean milliseconds of a list. */
  readonly costMs: number;
  /** Mean multiply-adds of a list in matrix products, in thousand millions; absent where nobody counts them. */
  readonly multiplyAdds?: number | undefined;
}

/** A point with its place among the others. */
export interface PlacedPoint extends CostPoint {
  /** Mean of its values. */
  readonly quality: number;
  /** Whether every point that is better costs more. */
  readonly isOnFront: boolean;
}

/** The points by cost, the cheapest first. */
export function placePoints(points: readonly CostPoint[]): PlacedPoint[] {
  const measured = points.map((point) => ({ ...point, quality: mean(point.values) }));
  return measured
    .map((point) => ({ ...point, isOnFront: !measured.some((other) => beats(other, point)) }))
    .sort((a, b) => a.costMs - b.costMs || b.quality - a.quality);
}

type Measured = Pick<PlacedPoint, 'quality' | 'costMs'>;

const beats = (one: Measured, other: Measured): boolean =>
  one.quality >= other.quality &&
  one.costMs <= other.costMs &&
  (one.quality > other.quality || one.costMs < other.costMs);

/**
 * The point to take: with a budget the best one within it; without, the cheapest one whose distance from the best is at most
 * one standard error of the paired differences (the rule of Breiman et al. 1984).
 *
 * @param budgetMs - Mean milliseconds of a list. @defaultValue none
 * @returns `undefined` where no point is within the budget.
 */
export function choosePoint(points: readonly PlacedPoint[], budgetMs?: number): PlacedPoint | undefined {
  const affordable = points.filter(({ costMs }) => budgetMs === undefined || costMs <= budgetMs);
  const [first, ...others] = affordable;
  if (!first) return undefined;
  const best = others.reduce((found, each) => (each.quality > found.quality ? each : found), first);
  if (budgetMs !== undefined) return best;
  return affordable.find(({ values }) => {
    const differences = best.values.map((value, i) => value - values[i]!);
    return mean(differences) <= standardError(differences);
  });
}
