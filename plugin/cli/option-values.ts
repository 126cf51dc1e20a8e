/** Parsers of option values; a parser's error says what the parser accepts. */
import { InvalidArgumentError } from 'commander';

/** Bounds of a number. */
export interface NumberBounds {
  /** Smallest accepted. @defaultValue none */
  readonly min?: number | undefined;
  /** Exclusive lower bound of accepted numbers. @defaultValue nothing */
  readonly above?: number | undefined;
  /** Largest accepted. @defaultValue none */
  readonly max?: number | undefined;
}

/** A parser of whole numbers. */
export function wholeNumber(bounds: NumberBounds = {}): (text: string) => number {
  return numberParser('a whole number', bounds, Number.isInteger);
}

/** A parser of finite numbers. */
export function finiteNumber(bounds: NumberBounds = {}): (text: string) => number {
  return numberParser('a number', bounds, Number.isFinite);
}

/** Gathers the values of an option that may be given several times; each value may hold several, joined by commas. */
export function list(text: string, before: readonly string[] | undefined): readonly string[] {
  return [
    ...(before ?? []),
    ...text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  ];
}

function numberParser(
  kind: string,
  bounds: NumberBounds,
  accepts: (value: number) => boolean,
): (text: string) => number {
  const {
    min = Number.NEGATIVE_INFINITY,
    above = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
  } = bounds;
  const limits = [
    Number.isFinite(min) && `at least ${min}`,
    Number.isFinite(above) && `more than ${above}`,
    Number.isFinite(max) && `at most ${max}`,
  ].filter(Boolean);
  const expected = [kind, limits.join(' and ')].filter(Boolean).join(', ');
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (accepts(value) && value >= min && value > above && value <= max) return value;
    throw new InvalidArgumentError(`Expected ${expected}, got "${text}".`);
  };
}
