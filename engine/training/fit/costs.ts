/** What a fitted model costs on collections that it was not fitted to, by how far it goes from its start. */
import { type Measure, mean } from '../../evaluation/measures.ts';
import { confidenceInterval, type Interval } from '../../evaluation/significance.ts';
import type { FitList } from './fit-list.ts';
import { type FittedReadout, interpolations } from './fitted.ts';

/** One collection at one interpolation weight. */
export interface InterpolatedValue extends Interval {
  /** 0 is the start, 1 the end of training. */
  readonly interpolation: number;
}

/** One collection. */
export interface CostReport {
  /** Its name. */
  readonly set: string;
  /** Queries. */
  readonly queries: number;
  /** Mean of the model before. */
  readonly start: number;
  /** The difference from it with its 95 % interval, by interpolation weight. */
  readonly differences: readonly InterpolatedValue[];
}

/** Measures a collection at every interpolation weight with the precedents, each fused at the share that was chosen; the start at its own. */
export async function costsOf(
  fitted: FittedReadout,
  lists: readonly FitList[],
  measure: Measure,
): Promise<CostReport> {
  const before: number[] = [];
  for (const each of lists) before.push(await fitted.measure(each, measure, 'start'));
  const differences: InterpolatedValue[] = [];
  for (const interpolation of interpolations) {
    const { choice: chosen, start } = fitted;
    const choice =
      interpolation === 0 ? { ...start, precedents: chosen.precedents } : { ...chosen, interpolation };
    const values: number[] = [];
    for (const [i, each] of lists.entries()) {
      values.push((await fitted.measure(each, measure, choice)) - before[i]!);
    }
    differences.push({ interpolation, ...confidenceInterval(values) });
  }
  return { set: lists[0]?.list.set ?? '', queries: lists.length, start: mean(before), differences };
}

/**
 * The largest weight, up to the chosen one, at which no collection loses for sure: the 95 % interval of each one's difference
 * reaches 0. 0 where there is none.
 */
export function keepingWeight(chosen: number, costs: readonly CostReport[]): number {
  const harmless = interpolations.filter(
    (weight) =>
      weight <= chosen &&
      costs.every(({ differences }) =>
        differences.some(({ interpolation, high }) => interpolation === weight && high >= 0),
      ),
  );
  return Math.max(0, ...harmless);
}
