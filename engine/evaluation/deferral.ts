/**
 * What a router saves: its deferral curve, quality against cost as the worth of a millisecond falls.
 *
 * Axes: `Q` queries, `R` rerankers. Source: UniRoute (arXiv:2502.08773), section 7.
 */
import { changingLambdas, cheapestSum } from '../scores/routing.ts';
import { mean } from './measures.ts';

/** Queries as a router saw them, and as they turned out. */
export interface RoutedQueries {
  /** Losses that the router expected, shape `[Q, R]`. */
  readonly expected: readonly (readonly number[])[];
  /** Losses that the rerankers had, shape `[Q, R]`, in [0, 1]. */
  readonly losses: readonly (readonly number[])[];
  /** Milliseconds of each reranker, shape `[R]`. */
  readonly costsMs: readonly number[];
}

/** A point of a curve. */
export interface DeferralPoint {
  /** Mean cost of a query, in milliseconds. */
  readonly costMs: number;
  /** Mean of 1 - loss. */
  readonly quality: number;
}

/** A deferral curve and its figures. */
export interface Deferral {
  /** Ascending by cost; quality between two points lies on their line. */
  readonly points: readonly DeferralPoint[];
  /** Mean quality over all mean costs from the cheapest reranker's to the dearest's; what is not spent changes nothing. */
  readonly area: number;
  /** Best quality at any cost. */
  readonly peak: number;
  /**
   * Quality-neutral cost: the share of the best single reranker's cost at which the router is as good; absent where it
   * never is.
   */
  readonly neutralCost?: number;
}

/** Most points of a curve: more lambdas are thinned. */
const maxPoints = 500;

/** Qualities that differ by less count as equal. */
const sameQuality = 1e-9;

/** The curve of a router over all lambdas. */
export function deferral({ expected, losses, costsMs }: RoutedQueries): Deferral {
  const at = (lambda: number): DeferralPoint => {
    const chosen = expected.map((row) => cheapestSum(row, costsMs, lambda));
    return {
      costMs: mean(chosen.map((r) => costsMs[r]!)),
      quality: 1 - mean(chosen.map((r, q) => losses[q]![r]!)),
    };
  };
  const lambdas = [0, ...thinned(changingLambdas(expected, costsMs)), Number.POSITIVE_INFINITY];
  const points = byCost(lambdas.reverse().map(at));
  const best = singleBest(losses, costsMs);
  const neutral = costOf(points, best.quality);
  return {
    points,
    area: areaOf(points, Math.max(...costsMs)),
    peak: Math.max(...points.map(({ quality }) => quality)),
    ...(neutral !== undefined && { neutralCost: best.costMs === 0 ? 0 : neutral / best.costMs }),
  };
}

/** Each reranker alone, in their order. */
export function singleRerankers({
  losses,
  costsMs,
}: Pick<RoutedQueries, 'losses' | 'costsMs'>): readonly DeferralPoint[] {
  return costsMs.map((costMs, r) => ({ costMs, quality: 1 - mean(losses.map((row) => row[r]!)) }));
}

/** The best single reranker; of equally good ones the cheapest. */
function singleBest(losses: RoutedQueries['losses'], costsMs: readonly number[]): DeferralPoint {
  const [first, ...others] = singleRerankers({ losses, costsMs });
  return others.reduce((best, one) => {
    const gain = one.quality - best.quality;
    const isEqual = Math.abs(gain) < sameQuality;
    return (isEqual ? one.costMs < best.costMs : gain > 0) ? one : best;
  }, first!);
}

function thinned(values: readonly number[]): readonly number[] {
  const every = Math.max(1, Math.ceil(values.length / maxPoints));
  return values.filter((_, i) => i % every === 0);
}

/** Points of one cost become the best of them. */
function byCost(points: readonly DeferralPoint[]): readonly DeferralPoint[] {
  const best = new Map<number, DeferralPoint>();
  for (const point of points) {
    const known = best.get(point.costMs);
    if (!known || point.quality > known.quality) best.set(point.costMs, point);
  }
  return [...best.values()].sort((a, b) => a.costMs - b.costMs);
}

function areaOf(points: readonly DeferralPoint[], dearestMs: number): number {
  const first = points[0]!;
  const last = points.at(-1)!;
  if (dearestMs === first.costMs) return last.quality;
  const parts = points.slice(1).map(({ costMs, quality }, i) => {
    const before = points[i]!;
    return ((costMs - before.costMs) * (quality + before.quality)) / 2;
  });
  const unspent = (dearestMs - last.costMs) * last.quality;
  return (parts.reduce((sum, part) => sum + part, 0) + unspent) / (dearestMs - first.costMs);
}

/** The least cost at which the curve reaches a quality. */
function costOf(points: readonly DeferralPoint[], quality: number): number | undefined {
  const at = points.findIndex((point) => point.quality >= quality - sameQuality);
  if (at < 0) return undefined;
  const [here, before] = [points[at]!, points[at - 1]];
  if (!before || here.quality <= quality) return here.costMs;
  const share = (quality - before.quality) / (here.quality - before.quality);
  return before.costMs + share * (here.costMs - before.costMs);
}
