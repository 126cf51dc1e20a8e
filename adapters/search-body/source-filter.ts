/** The user's own choice of `_source`: what is fetched over it, and how it is what comes back. */
import { isObject, type JsonObject, toList, toStrings, without } from './json.ts';

/** Which parts of `_source` somebody wants; patterns may hold `*`. */
export type SourceChoice =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'some'; readonly includes: readonly string[]; readonly excludes: readonly string[] };

/** What is asked of the server so that the needed fields come too. */
export interface SourcePlan {
  /** New values of the request's properties; empty when the user's choice brings what is needed. */
  readonly changes: JsonObject;
  /** Gives a hit's `_source` as the user chose it: `undefined` for none. */
  readonly restore: (source: unknown) => unknown;
}

const unchanged: SourcePlan = { changes: {}, restore: (source) => source };

/** Asks for the needed fields beside what the user chose, and for no more. */
export function planSource(view: JsonObject, needed: readonly string[]): SourcePlan {
  const choice = sourceChoice(view);
  if (choice.kind === 'all') return unchanged;
  const removed = { _source_includes: undefined, _source_excludes: undefined };
  const drop = Object.fromEntries(Object.entries(removed).filter(([key]) => view[key] !== undefined));
  if (choice.kind === 'none') {
    return { changes: { ...drop, _source: [...needed] }, restore: () => undefined };
  }
  const { includes, excludes } = choice;
  const missing = includes.length === 0 ? [] : needed.filter((field) => !includes.some((p) => covers(p, field)));
  const kept = excludes.filter((pattern) => !needed.some((field) => touches(pattern, field)));
  if (missing.length === 0 && kept.length === excludes.length) return unchanged;
  const extras = isObject(view['_source']) ? without(view['_source'], ['include', 'includes', 'exclude', 'excludes']) : {};
  const wanted = includes.length === 0 ? {} : { includes: [...includes, ...missing] };
  const sent = { ...extras, ...wanted, ...(kept.length > 0 && { excludes: kept }) };
  return {
    changes: { ...drop, _source: Object.keys(sent).length === 0 ? true : sent },
    restore: (source) => (isObject(source) ? filterSource(source, choice) : source),
  };
}

/** What the request asks for. Parameters of the address (`_source_includes`) win over `_source`, as on the servers. */
export function sourceChoice(view: JsonObject): SourceChoice {
  const { _source: source, _source_includes: in_, _source_excludes: out } = view;
  if (in_ !== undefined || out !== undefined) {
    if (source === false || source === 'false') return { kind: 'none' };
    const named = in_ === undefined && !isObject(source) && source !== true ? source : in_;
    return some(toStrings(named), toStrings(out));
  }
  if (source === undefined || source === null) return view['stored_fields'] === undefined ? { kind: 'all' } : stored(view);
  if (source === true || source === 'true') return { kind: 'all' };
  if (source === false || source === 'false') return { kind: 'none' };
  if (!isObject(source)) return some(toStrings(source), []);
  const list = (key: string): readonly string[] => toStrings(source[`${key}s`] ?? source[key]);
  return some(list('include'), list('exclude'));
}

/** Asking for stored fields switches `_source` off, unless it is named among them. */
function stored(view: JsonObject): SourceChoice {
  return toList(view['stored_fields']).includes('_source') ? { kind: 'all' } : { kind: 'none' };
}

function some(includes: readonly string[], excludes: readonly string[]): SourceChoice {
  return includes.length + excludes.length === 0 ? { kind: 'all' } : { kind: 'some', includes, excludes };
}

/** What the servers do with a choice, on an object that holds more: patterns match a path and all below it. */
export function filterSource(
  source: JsonObject,
  choice: Extract<SourceChoice, { kind: 'some' }>,
): JsonObject {
  const included = choice.includes.map(toPattern);
  const excluded = choice.excludes.map(toPattern);
  const isIn = (path: string): boolean => included.some((pattern) => pattern.test(path));
  const isOut = (path: string): boolean => excluded.some((pattern) => pattern.test(path));
  const list = (values: readonly unknown[], path: string, isWanted: boolean): readonly unknown[] =>
    values.flatMap((value) => {
      const kept = Array.isArray(value) ? list(value, path, isWanted) : isObject(value) ? walk(value, path, isWanted) : value;
      if (kept === value) return isWanted ? [value] : [];
      return isWanted || !isEmpty(kept) ? [kept] : [];
    });
  const walk = (object: JsonObject, prefix: string, isWhole: boolean): JsonObject => {
    const kept: [string, unknown][] = [];
    for (const [key, value] of Object.entries(object)) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      if (isOut(path)) continue;
      const isWanted = isWhole || isIn(path);
      const part = Array.isArray(value) ? list(value, path, isWanted) : isObject(value) ? walk(value, path, isWanted) : value;
      if (isWanted || (part !== value && !isEmpty(part))) kept.push([key, part]);
    }
    return Object.fromEntries(kept);
  };
  return walk(source, '', included.length === 0);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function toPattern(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(escape).join('.*')}$`, 's');
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Whether a pattern brings the whole field: it names the field, or something above it. */
function covers(pattern: string, field: string): boolean {
  const regex = toPattern(pattern);
  return prefixesOf(field).some((path) => regex.test(path));
}

/** Whether an exclude takes the field or a part of it away. */
function touches(pattern: string, field: string): boolean {
  return covers(pattern, field) || pattern.startsWith(`${field}.`);
}

function prefixesOf(path: string): readonly string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}
