/** Fits the rule that predicts a list's fusion weight, and measures it on collections that it was not fitted to. */
import type { PredictedFusionWeight, Ranking, Shortlist } from '../contract.ts';
import { type Measure, mean } from '../evaluation/measures.ts';
import { pairedTTest, standardError } from '../evaluation/significance.ts';
import { type FusionFeatures, fusionFeatureNames, fusionFeatures } from '../scores/fusion-features.ts';
import { constantWeight, maxPredictedWeight, predictedWeight } from '../scores/predicted-weight.ts';
import { measureFused } from './measure-fused.ts';

/** A judged list, as the fit reads it. */
export interface FusionLesson {
  /** Name of the list's collection. */
  readonly set: string;
  /** What the rule reads. */
  readonly features: FusionFeatures;
  /** The measure of the order that is fused at each of {@link lessonWeights}. */
  readonly values: readonly number[];
}

/** Fusion weights at which a lesson is measured: 0 to .5 by .05. */
export const lessonWeights: readonly number[] = Array.from(
  { length: 11 },
  (_, i) => (i * maxPredictedWeight) / 10,
);

/** A lesson of one list: gains of each candidate in shortlist order, and those of all judged documents, descending. */
export function toFusionLesson(
  list: { readonly set: string; readonly shortlist: Shortlist; readonly ranking: Ranking },
  { gains, ideal }: { readonly gains: readonly number[]; readonly ideal: readonly number[] },
  measure: Measure,
): FusionLesson {
  const { set, shortlist, ranking } = list;
  const graded = { shortlist, gains, ideal };
  const values = lessonWeights.map((weight) => measureFused(ranking, graded, { weight, measure }));
  return { set, features: fusionFeatures(ranking, shortlist), values };
}

/** Options of {@link fitFusionWeight}. */
export interface FusionFitOptions {
  /** The weight before, which is kept where the rule gains nothing. @defaultValue 0.2 */
  readonly start?: number;
  /** What a coefficient's square costs, in units of the measure. @defaultValue 0.0005 */
  readonly ridge?: number;
}

/** A fitted rule and what it is worth. */
export interface FusionFit {
  /** The rule, fitted to all lessons. */
  readonly rule: PredictedFusionWeight;
  /** The best weight that is the same for all lists. */
  readonly fixed: number;
  /** Mean over collections of the start, and of both choices where each collection is measured with what the others chose. */
  readonly heldOut: {
    /** With the weight that was the start. */
    readonly start: number;
    /** With one weight, chosen on the other collections. */
    readonly fixed: number;
    /** With the rule, fitted to the other collections. */
    readonly rule: number;
  };
  /** By collection, the same. */
  readonly bySet: Readonly<Record<string, FusionFit['heldOut']>>;
  /** p-value of the paired t-test between rule and start on lists of collections that were held out. */
  readonly p: number;
  /** Whether the rule's gain over the start is larger than its standard error. */
  readonly isGain: boolean;
}

/**
 * Fits the rule by pattern search (Hooke, Jeeves, J. ACM 8, 1961) on the measure itself, linear between the weights that
 * were measured, less a ridge; each collection counts the same. The gain is measured with each collection in turn held out,
 * because a rule is for collections that nobody judged.
 *
 * @throws RangeError for lessons of fewer than two collections, or a start outside (0, .5).
 */
export function fitFusionWeight(lessons: readonly FusionLesson[], options: FusionFitOptions = {}): FusionFit {
  const { start = 0.2 } = options;
  const sets = bySet(lessons);
  if (sets.size < 2)
    throw new RangeError(`fitFusionWeight: expected two collections or more, got ${sets.size}.`);
  if (!(start > 0 && start < maxPredictedWeight)) {
    throw new RangeError(`fitFusionWeight: expected a start in (0, ${maxPredictedWeight}), got ${start}.`);
  }
  const gains: number[] = [];
  const measured: Record<string, FusionFit['heldOut']> = {};
  const errors: number[] = [];
  for (const [set, own] of sets) {
    const others = lessons.filter((lesson) => lesson.set !== set);
    const rule = fitRule(others, options);
    const fixed = bestFixed(others);
    const differences = own.map((each) => valueBy(each, rule) - valueAt(each, start));
    gains.push(...differences);
    errors.push(standardError(differences) ** 2);
    measured[set] = {
      start: mean(own.map((each) => valueAt(each, start))),
      fixed: mean(own.map((each) => valueAt(each, fixed))),
      rule: mean(own.map((each) => valueBy(each, rule))),
    };
  }
  const over = (name: keyof FusionFit['heldOut']): number =>
    mean(Object.values(measured).map((each) => each[name]));
  const heldOut = { start: over('start'), fixed: over('fixed'), rule: over('rule') };
  const error = Math.sqrt(errors.reduce((sum, each) => sum + each, 0)) / sets.size;
  return {
    rule: fitRule(lessons, options),
    fixed: bestFixed(lessons),
    heldOut,
    bySet: measured,
    p: pairedTTest(gains),
    isGain: heldOut.rule - heldOut.start > error,
  };
}

function fitRule(
  lessons: readonly FusionLesson[],
  { start = 0.2, ridge = 5e-4 }: FusionFitOptions,
): PredictedFusionWeight {
  const sets = [...bySet(lessons).values()];
  const toRule = ([bias = 0, ...coefficients]: readonly number[]): PredictedFusionWeight => ({
    bias,
    coefficients: Object.fromEntries(fusionFeatureNames.map((name, i) => [name, coefficients[i]!])),
  });
  const worth = (point: readonly number[]): number => {
    const rule = toRule(point);
    const cost = point.slice(1).reduce((sum, each) => sum + each ** 2, 0);
    return mean(sets.map((own) => mean(own.map((each) => valueBy(each, rule))))) - ridge * cost;
  };
  const origin = [constantWeight(start).bias, ...fusionFeatureNames.map(() => 0)];
  return toRule(patternSearch(worth, origin));
}

/** Steps of the search, halved from the first to the last. */
const firstStep = 1;
const lastStep = 1 / 64;

/** Moves along each axis while that gains, then goes on in the direction of the whole move; halves the step where nothing gains. */
function patternSearch(
  worth: (point: readonly number[]) => number,
  origin: readonly number[],
): readonly number[] {
  let base = origin;
  let best = worth(base);
  for (let step = firstStep; step >= lastStep; ) {
    const explored = explore(worth, { point: base, value: best }, step);
    if (explored.value <= best) {
      step /= 2;
      continue;
    }
    const further = explored.point.map((each, i) => 2 * each - base[i]!);
    base = explored.point;
    best = explored.value;
    const again = explore(worth, { point: further, value: worth(further) }, step);
    if (again.value > best) [base, best] = [again.point, again.value];
  }
  return base;
}

interface Explored {
  readonly point: readonly number[];
  readonly value: number;
}

function explore(worth: (point: readonly number[]) => number, from: Explored, step: number): Explored {
  let { point, value } = from;
  for (const axis of point.keys()) {
    for (const change of [step, -step]) {
      const moved = point.with(axis, point[axis]! + change);
      const found = worth(moved);
      if (found <= value) continue;
      [point, value] = [moved, found];
      break;
    }
  }
  return { point, value };
}

function bestFixed(lessons: readonly FusionLesson[]): number {
  const sets = [...bySet(lessons).values()];
  const means = lessonWeights.map((_, i) =>
    mean(sets.map((own) => mean(own.map(({ values }) => values[i]!)))),
  );
  return lessonWeights[means.indexOf(Math.max(...means))]!;
}

function bySet(lessons: readonly FusionLesson[]): Map<string, FusionLesson[]> {
  const sets = new Map<string, FusionLesson[]>();
  for (const lesson of lessons) sets.set(lesson.set, [...(sets.get(lesson.set) ?? []), lesson]);
  return sets;
}

const valueBy = (lesson: FusionLesson, rule: PredictedFusionWeight): number =>
  valueAt(lesson, predictedWeight(rule, lesson.features));

/** The measure at a weight, linear between two that were measured. */
function valueAt({ values }: FusionLesson, weight: number): number {
  const at = (weight / maxPredictedWeight) * (values.length - 1);
  const below = Math.min(values.length - 2, Math.floor(at));
  return values[below]! + (at - below) * (values[below + 1]! - values[below]!);
}
