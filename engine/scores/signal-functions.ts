/** The functions of signals: from a field's value to a number in [-1, 1]. Pure formulas. */
import type { SignalValue } from '../contract.ts';
import { datesOf, keywordsOf, metresBetween, numbersOf, pointsOf, toDate, toPoint } from './signal-values.ts';

/** How a decay falls with distance. */
export type DecayShape = 'gauss' | 'exp' | 'linear';

/** A decay, in the unit of its distances. */
export interface Decay {
  /** How it falls. */
  readonly shape: DecayShape;
  /** Distance beyond `offset` at which it has fallen to `decay`; above 0. */
  readonly scale: number;
  /** Distance up to which it is 1; at least 0. */
  readonly offset: number;
  /** Value at `offset + scale`, above 0 and below 1. */
  readonly decay: number;
}

/**
 * A decay's value at a distance, in [0, 1].
 *
 * `x = max(0, distance - offset)`; gauss: `exp(x² ln(decay) / scale²)`; exp: `exp(x ln(decay) / scale)`; linear:
 * `max(0, 1 - x (1 - decay) / scale)`. Source: Elasticsearch, decay functions of `function_score`.
 */
export function decayAt(distance: number, { shape, scale, offset, decay }: Decay): number {
  const x = Math.max(0, distance - offset) / scale;
  switch (shape) {
    case 'gauss':
      return Math.exp(Math.log(decay) * x * x);
    case 'exp':
      return Math.exp(Math.log(decay) * x);
    case 'linear':
      return Math.max(0, 1 - x * (1 - decay));
    default:
      return shape satisfies never;
  }
}

/** `ln(1 + value) / ln(1 + max)`, in [0, 1]; a value below 0 counts as 0, one above `max` as `max`. */
export function logOf(value: number, max: number): number {
  return Math.min(1, Math.log1p(Math.max(0, value)) / Math.log1p(max));
}

/**
 * `value / (value + pivot)`, in [0, 1): 1/2 at the pivot; a value below 0 counts as 0. Source: Elasticsearch,
 * `rank_feature`, saturation.
 */
export function saturationOf(value: number, pivot: number): number {
  const amount = Math.max(0, value);
  return amount / (amount + pivot);
}

/** What a decay measures distances of. */
export type DecayKind = 'number' | 'date' | 'distance';

/** The kind of a decay, by its origin: a number, a date (`now` where there is none), or a point. `undefined` for another. */
export function decayKind(origin: unknown): DecayKind | undefined {
  if (origin === undefined || origin === 'now') return 'date';
  if (typeof origin === 'number') return Number.isFinite(origin) ? 'number' : undefined;
  if (typeof origin !== 'string') return undefined;
  if (toPoint(origin)) return 'distance';
  return toDate(origin) === undefined ? undefined : 'date';
}

const units: Readonly<Record<DecayKind, Readonly<Record<string, number>>>> = {
  number: {},
  date: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  distance: { m: 1, km: 1000, mi: 1609.344 },
};

/** Units of a kind's quantities, in words. */
export const quantityText: Readonly<Record<DecayKind, string>> = {
  number: 'a number',
  date: 'a time such as 30d (d, h, m, s, ms)',
  distance: 'a distance such as 10km (km, m, mi)',
};

/** A scale or offset in numbers, milliseconds or metres; `undefined` for what is none of its kind. */
export function quantityOf(given: unknown, kind: DecayKind): number | undefined {
  if (typeof given === 'number') {
    const isPlain = kind === 'number' || given === 0;
    return Number.isFinite(given) && given >= 0 && isPlain ? given : undefined;
  }
  if (typeof given !== 'string' || kind === 'number') return undefined;
  const found = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(given);
  const unit = found && Object.hasOwn(units[kind], found[2]!) ? units[kind][found[2]!]! : undefined;
  return unit === undefined ? undefined : Number(found![1]) * unit;
}

/** Distance of a field's value to an origin, in the unit of its kind: of several values the least; `undefined` without any. */
export type DistanceOf = (value: SignalValue | undefined) => number | undefined;

/**
 * Makes the distance from an origin.
 *
 * @param now - The time of `now`, in milliseconds since 1970; asked at every value.
 */
export function distanceFrom(origin: number | string | undefined, now: () => number): DistanceOf {
  if (typeof origin === 'number')
    return (value) => leastOf(numbersOf(value), (each) => Math.abs(each - origin));
  const point = origin === undefined ? undefined : toPoint(origin);
  if (point) return (value) => leastOf(pointsOf(value), (each) => metresBetween(point, each));
  const date = origin === undefined || origin === 'now' ? undefined : toDate(origin);
  return (value) => {
    const from = date ?? now();
    return leastOf(datesOf(value), (each) => Math.abs(each - from));
  };
}

function leastOf<Value>(values: readonly Value[], distance: (value: Value) => number): number | undefined {
  return values.length === 0
    ? undefined
    : values.reduce((least, value) => Math.min(least, distance(value)), Number.POSITIVE_INFINITY);
}

/**
 * The factor of a value: of several values the one of largest magnitude; `otherwise` where none is named; `undefined`
 * without a value. Booleans come as 1 and 0, and may be named `true` and `false` too.
 */
export function factorOf(
  value: SignalValue | undefined,
  factors: ReadonlyMap<string, number>,
  otherwise: number,
): number | undefined {
  const keywords = keywordsOf(value);
  if (keywords.length === 0) return undefined;
  const found = keywords.flatMap((keyword) => {
    const factor = factors.get(keyword) ?? factors.get(booleanName[keyword] ?? keyword);
    return factor === undefined ? [] : [factor];
  });
  return found.length === 0
    ? otherwise
    : found.reduce((largest, factor) => (Math.abs(factor) > Math.abs(largest) ? factor : largest));
}

const booleanName: Readonly<Record<string, string>> = { '1': 'true', '0': 'false' };

/** Whether a value is one of those named; booleans as in {@link factorOf}. */
export function rankAmong(value: SignalValue | undefined, names: readonly string[]): number {
  const ranks = keywordsOf(value).flatMap((keyword) => {
    const rank = names.findIndex((name) => name === keyword || name === booleanName[keyword]);
    return rank === -1 ? [] : [rank];
  });
  return ranks.length === 0 ? -1 : Math.min(...ranks);
}
