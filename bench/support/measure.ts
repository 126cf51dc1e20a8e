/** Times taken side by side: contenders take turns, so that a noisy machine is noisy for all of them. */
import { mean } from '../../engine/evaluation/measures.ts';

/** Something to time; what it returns is ignored. */
export type Contender = () => Promise<unknown>;

/** Runs every contender once unmeasured, then in turns; milliseconds of each round, by contender. */
export async function alternate<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await contenders[name]();
  for (let round = 0; round < rounds; round += 1) {
    // Another one is first each time: whoever follows a hot neighbour is not always the same.
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length]!;
      times[name].push(await timed(contenders[name]));
    }
  }
  return times;
}

/** Milliseconds that a run takes. */
export async function timed(run: Contender): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** The median of so many runs after one that is not counted, in milliseconds. */
export async function steady(rounds: number, run: Contender): Promise<number> {
  await run();
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) times.push(await timed(run));
  return median(times);
}

/** The median over rounds of `numerator / denominator`, each taken within one round. */
export function medianRatio(numerator: readonly number[], denominator: readonly number[]): number {
  return median(numerator.map((time, round) => time / denominator[round]!));
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that the given share of values does not exceed (linear between neighbours). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

/** R^2 of the straight line that fits the points best. */
export function linearity(xs: readonly number[], ys: readonly number[]): number {
  const [mx, my] = [mean(xs), mean(ys)];
  const product = (a: readonly number[], ma: number, b: readonly number[], mb: number): number =>
    a.reduce((sum, value, i) => sum + (value - ma) * (b[i]! - mb), 0);
  return product(xs, mx, ys, my) ** 2 / (product(xs, mx, xs, mx) * product(ys, my, ys, my));
}
