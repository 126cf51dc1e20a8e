/** Fetches the fields that the model needs beyond the user's own choice of `_source`, and gives that choice back. */

import { isObject, type JsonObject, listedIn, toStrings, without } from '../cluster/json.ts';
import { filterSource, toPattern } from './filter-source.ts';

/** The parts of `_source` that a request chooses; patterns may hold `*`. */
export type SourceChoice =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'some'; readonly includes: readonly string[]; readonly excludes: readonly string[] };

/** How a request asks for the needed fields too, and how a hit gives the user's choice. */
export interface SourcePlan {
  /** New values of the request's properties; empty when the user's choice brings what is needed. */
  readonly changes: JsonObject;
  /** Gives a hit's `_source` as the user chose it: `undefined` for none. */
  readonly restore: (source: unknown) => unknown;
}

const unchanged: SourcePlan = { changes: {}, restore: (source) => source };

/** Plans to ask the server for the needed fields beside the user's choice, and for no more. */
export function planSource(view: JsonObject, needed: readonly string[], server: string): SourcePlan {
  const choice = sourceChoice(view, server);
  if (choice.kind === 'all') return unchanged;
  const removed = { _source_includes: undefined, _source_excludes: undefined };
  const drop = Object.fromEntries(Object.entries(removed).filter(([key]) => view[key] !== undefined));
  if (choice.kind === 'none') {
    return { changes: { ...drop, _source: [...needed] }, restore: () => undefined };
  }
  const { includes, excludes } = choice;
  const missing =
    includes.length === 0 ? [] : needed.filter((field) => !includes.some((p) => covers(p, field)));
  const kept = excludes.filter((pattern) => !needed.some((field) => touches(pattern, field)));
  if (missing.length === 0 && kept.length === excludes.length) return unchanged;
  const extras = isObject(view['_source'])
    ? without(view['_source'], ['include', 'includes', 'exclude', 'excludes'])
    : {};
  const wanted = includes.length === 0 ? {} : { includes: [...includes, ...missing] };
  const sent = { ...extras, ...wanted, ...(kept.length > 0 && { excludes: kept }) };
  return {
    changes: { ...drop, _source: Object.keys(sent).length === 0 ? true : sent },
    restore: (source) => (isObject(source) ? filterSource(source, choice) : source),
  };
}

/**
 * The choice of `_source` in a request. Parameters of the address (`_source_includes`) win over `_source`, as on the
 * servers.
 */
export function sourceChoice(view: JsonObject, server: string): SourceChoice {
  const choice = choiceIn(view);
  if (choice.kind !== 'some' || server !== 'elasticsearch') return choice;
  // Elasticsearch ignores blanks around a pattern; OpenSearch does not.
  const trimmed = (patterns: readonly string[]): readonly string[] =>
    patterns.map((pattern) => pattern.trim());
  return { ...choice, includes: trimmed(choice.includes), excludes: trimmed(choice.excludes) };
}

function choiceIn(view: JsonObject): SourceChoice {
  const { _source: source, _source_includes: includes, _source_excludes: excludes } = view;
  if (includes !== undefined || excludes !== undefined) {
    if (source === false || source === 'false') return { kind: 'none' };
    return some(listedIn(includes ?? (Array.isArray(source) ? source : [])), listedIn(excludes));
  }
  return source === undefined || source === null ? unsaid(view) : said(source);
}

function said(source: unknown): SourceChoice {
  if (source === true || source === 'true') return { kind: 'all' };
  if (source === false || source === 'false') return { kind: 'none' };
  if (!isObject(source)) return some(toStrings(source), []);
  const list = (key: string): readonly string[] => toStrings(source[`${key}s`] ?? source[key]);
  return some(list('include'), list('exclude'));
}

/**
 * The choice of a request that does not name `_source`: all of it. But `stored_fields` and `script_fields` switch
 * `_source` off, unless the stored fields include it.
 */
function unsaid({ stored_fields: stored, script_fields: scripts }: JsonObject): SourceChoice {
  if (listedIn(stored).includes('_source')) return { kind: 'all' };
  const hasScripts = isObject(scripts) && Object.keys(scripts).length > 0;
  return stored === undefined && !hasScripts ? { kind: 'all' } : { kind: 'none' };
}

function some(includes: readonly string[], excludes: readonly string[]): SourceChoice {
  return includes.length + excludes.length === 0 ? { kind: 'all' } : { kind: 'some', includes, excludes };
}

/** Whether a pattern brings the whole field, because it names the field or a path above it. */
function covers(pattern: string, field: string): boolean {
  const regex = toPattern(pattern);
  return prefixesOf(field).some((path) => regex.test(path));
}

/** Whether an exclude removes the field or a part of it. */
function touches(pattern: string, field: string): boolean {
  return covers(pattern, field) || pattern.startsWith(`${field}.`);
}

function prefixesOf(path: string): readonly string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}
