/** Finds unknown options of a program: mostly typing errors, which would otherwise pass unnoticed. */
import { ConfigurationError, type ConfigurationIssue } from './errors.ts';

/** Every name of an options type; the compiler holds the two equal. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/** One issue for every unknown option, with the nearest known name. An option that is `undefined` counts as absent. */
export function unknownOptions(
  options: object,
  known: Readonly<Record<string, unknown>>,
): ConfigurationIssue[] {
  const names = Object.keys(known);
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && !Object.hasOwn(known, name))
    .map(([name]) => ({ path: name, message: unknownName(name, names) }));
}

/** Throws for unknown options. @param what - The failed act, for the message: `Cannot open the remote reranker`. */
export function checkOptionNames(what: string, options: object, known: Readonly<Record<string, true>>): void {
  const issues = unknownOptions(options, known);
  if (issues.length > 0) throw new ConfigurationError(what, issues);
}

/** The sentence about an unknown name. */
export function unknownName(name: string, names: readonly string[]): string {
  const distances = names.map((known) => ({ known, changes: changesBetween(name, known) }));
  const [nearest] = distances.sort((a, b) => a.changes - b.changes);
  const isNear = nearest && nearest.changes <= Math.max(2, 0.4 * name.length);
  return isNear
    ? `there is no option "${name}"; did you mean ${nearest.known}?`
    : `there is no option "${name}"; there are ${names.join(', ')}`;
}

/** Fewest letters to change, add or remove (Levenshtein), ignoring case. */
function changesBetween(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = row[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
