/** Settings of the readout that tuning tries. */
import { seededRandom } from '../evaluation/random.ts';
import type { ReadoutParameters } from '../readout/parameters.ts';

/** The parameters that decide an order, given the states. */
export interface Setting extends ReadoutParameters {
  /** Share of a lexical first stage in the fused order, in [0, 1]. */
  readonly fusionWeight: number;
}

/** Values to try, by parameter; parameters that are not named stay as they are. */
export type SearchSpace = { readonly [Name in keyof Setting]?: readonly Setting[Name][] };

/**
 * The space searched by default. `anchorTau` is not in it: an order depends only on its product with
 * `tokenWeight`.
 */
export const defaultSearchSpace: SearchSpace = {
  alpha: [0, 0.25, 0.5, 1, 2],
  readingTau: [0.005, 0.01, 0.02, 0.05],
  readingSteps: [1, 2],
  tokenTau: [0.01, 0.02, 0.03, 0.05],
  tokenWeight: [0, 0.2, 0.4, 0.7, 1, 1.5],
  pooling: ['arithmetic', 'geometric'],
  blockJoin: ['max', 'sum'],
  fusionWeight: [0, 0.05, 0.1, 0.15, 0.2, 0.3],
};

/**
 * Draws settings: the start, each change of one parameter, and random changes of several (each parameter changes with
 * probability one half) until there are `trials` different settings or the space is drawn many times over.
 */
export function drawSettings(
  start: Setting,
  space: SearchSpace,
  { trials, seed }: { readonly trials: number; readonly seed: number },
): Setting[] {
  const random = seededRandom(seed);
  const axes = Object.entries(space) as [keyof Setting, readonly unknown[]][];
  const settings = new Map([[keyOf(start), start]]);
  const add = (setting: Setting): void => void settings.set(keyOf(setting), setting);
  for (const [name, values] of axes) for (const value of values) add({ ...start, [name]: value });
  for (let draw = 0; settings.size < trials && draw < 20 * trials; draw += 1) {
    const drawn = axes
      .filter(() => random() < 0.5)
      .map(([name, values]) => [name, values[Math.floor(random() * values.length)]]);
    add({ ...start, ...Object.fromEntries(drawn) });
  }
  return [...settings.values()];
}

/** Parameters in which two settings differ. */
export function changedParameters(from: Setting, to: Setting): (keyof Setting)[] {
  return (Object.keys(from) as (keyof Setting)[]).filter(
    (name) => JSON.stringify(from[name]) !== JSON.stringify(to[name]),
  );
}

const keyOf = (setting: Setting): string => JSON.stringify(Object.entries(setting).sort());
