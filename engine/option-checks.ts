/** Checks the options of a program, name by name, so that one error tells every fault. */
import type { ConfigurationIssue } from './errors.ts';
import { unknownName } from './option-names.ts';

/** What a value has to be. */
export interface ValueCheck {
  /** Whether a value that is given is right. */
  readonly isRight: (value: unknown) => boolean;
  /** What is right, in words: `a number above 0`. */
  readonly expected: string;
}

/**
 * One issue for every wrong option, every unknown name, and every missing option. An option that is `undefined` counts
 * as absent.
 *
 * @param required - Names that must be there.
 */
export function optionIssues(
  given: unknown,
  checks: Readonly<Record<string, ValueCheck>>,
  required: readonly string[] = [],
): readonly ConfigurationIssue[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return [{ path: '', message: `expected options by name, got ${quoted(given)}` }];
  }
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  const wrong = entries.flatMap(([name, value]): ConfigurationIssue[] => {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) return [{ path: name, message: unknownName(name, Object.keys(checks)) }];
    if (check.isRight(value)) return [];
    return [{ path: name, message: `expected ${check.expected}, got ${quoted(value)}` }];
  });
  const names = new Set(entries.map(([name]) => name));
  const missing = required
    .filter((name) => !names.has(name))
    .map((name) => ({ path: name, message: `required: expected ${checks[name]!.expected}` }));
  return [...wrong, ...missing];
}

/** The issues of a part, with the part's path before theirs. */
export function issuesBelow(
  path: string | number,
  issues: readonly ConfigurationIssue[],
): readonly ConfigurationIssue[] {
  return issues.map((issue) => ({
    ...issue,
    path: issue.path === '' ? String(path) : `${path}.${issue.path}`,
  }));
}

/** A finite number from `least` (exclusive with `above`) to `most`. */
export function numberCheck({
  least = Number.NEGATIVE_INFINITY,
  most = Number.POSITIVE_INFINITY,
  above = Number.NEGATIVE_INFINITY,
  below = Number.POSITIVE_INFINITY,
  expected,
}: {
  readonly least?: number;
  readonly most?: number;
  readonly above?: number;
  readonly below?: number;
  readonly expected: string;
}): ValueCheck {
  return {
    isRight: (value) =>
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= least &&
      value <= most &&
      value > above &&
      value < below,
    expected,
  };
}

/** A whole number of at least `least`. */
export function wholeCheck(least: number): ValueCheck {
  return {
    isRight: (value) => Number.isSafeInteger(value) && (value as number) >= least,
    expected: `a whole number of at least ${least}`,
  };
}

/** One of these words. */
export function choiceCheck(of: readonly string[]): ValueCheck {
  return { isRight: (value) => of.includes(value as string), expected: of.join(' or ') };
}

/** The name of a field, which is no pattern. */
export const fieldCheck: ValueCheck = {
  isRight: (value) => typeof value === 'string' && /^[^*]+$/.test(value),
  expected: 'the name of a field, without "*"',
};

/** A list of texts that is not empty, and holds no empty text. */
export const textsCheck: ValueCheck = {
  isRight: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => typeof each === 'string' && each !== ''),
  expected: 'a list of texts',
};

function quoted(value: unknown): string {
  // JSON has no word for NaN and Infinity.
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}
