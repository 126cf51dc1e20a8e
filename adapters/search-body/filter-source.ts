/** Filters a document as the servers do, by patterns of fields to include and to exclude. */
import { isObject, type JsonObject } from '../cluster/json.ts';

/** The fields to keep: all of them when `includes` is empty; excludes win. `*` stands for anything, dots too. */
export interface SourcePatterns {
  /** Patterns of paths to keep, each with everything below it. */
  readonly includes: readonly string[];
  /** Patterns of paths to leave out. */
  readonly excludes: readonly string[];
}

/** A copy with the fields that the patterns keep. Objects and lists that become empty go too. */
export function filterSource(source: JsonObject, { includes, excludes }: SourcePatterns): JsonObject {
  const matcher = (patterns: readonly string[]): ((path: string) => boolean) => {
    const regexes = patterns.map(toPattern);
    return (path) => regexes.some((regex) => regex.test(path));
  };
  const filter = { isIncluded: matcher(includes), isExcluded: matcher(excludes) };
  return filterObject(source, { path: '', isWanted: includes.length === 0 }, filter);
}

/** A pattern as a regular expression: `*` stands for any characters. */
export function toPattern(pattern: string): RegExp {
  const literals = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`, 's');
}

interface Filter {
  readonly isIncluded: (path: string) => boolean;
  readonly isExcluded: (path: string) => boolean;
}

/** The path of a value, and whether the value is kept whole. */
interface SourceValue {
  readonly path: string;
  readonly isWanted: boolean;
}

function filterObject(object: JsonObject, { path, isWanted }: SourceValue, filter: Filter): JsonObject {
  const entries = Object.entries(object).flatMap(([key, value]): readonly [string, unknown][] => {
    const inner = path === '' ? key : `${path}.${key}`;
    // A key may hold dots itself: `a` names `a.b` in either spelling.
    const paths = pathsTo(inner, path);
    if (paths.some(filter.isExcluded)) return [];
    return filterValue(
      value,
      { path: inner, isWanted: isWanted || paths.some(filter.isIncluded) },
      filter,
    ).map((kept): [string, unknown] => [key, kept]);
  });
  return Object.fromEntries(entries);
}

/** A path, and every path on its way below `above`. */
function pathsTo(path: string, above: string): readonly string[] {
  const dots = [...path.matchAll(/\./g)].map(({ index }) => index).filter((at) => at > above.length);
  return [...dots.map((at) => path.slice(0, at)), path];
}

/** The filtered value as the only entry of a list; an empty list when nothing is left. */
function filterValue(value: unknown, at: SourceValue, filter: Filter): readonly unknown[] {
  const { isWanted } = at;
  if (Array.isArray(value)) {
    const kept = value.flatMap((entry) => filterValue(entry, at, filter));
    return isWanted || kept.length > 0 ? [kept] : [];
  }
  if (!isObject(value)) return isWanted ? [value] : [];
  const kept = filterObject(value, at, filter);
  return isWanted || Object.keys(kept).length > 0 ? [kept] : [];
}
