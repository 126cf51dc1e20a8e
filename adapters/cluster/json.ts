/** Narrows values that came over the wire, or from a caller whose types cannot be trusted. */

/** A JSON object whose properties are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether the value is an object with named properties: no list, no class instance such as a stream or a `Map`. */
export function isObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The value at a path of names; `undefined` where the path leads nowhere. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), value);
}

/**
 * The value as a list: a list stays as it is, `undefined` and `null` give an empty list, any other value becomes the
 * only entry.
 */
export function toList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The strings of a list; a lone string counts as a list of one. */
export function toStrings(value: unknown): readonly string[] {
  return toList(value).filter((entry) => typeof entry === 'string');
}

/** The entries of a parameter of the address, which commas separate. An empty parameter (`_source=`) has none. */
export function listedIn(value: unknown): readonly string[] {
  return toStrings(value).flatMap((entry) => entry.split(',').filter((part) => part !== ''));
}

/** A copy with every property changed; the object itself when no property changes. */
export function mapProperties(
  object: JsonObject,
  change: (value: unknown, key: string) => unknown,
): JsonObject {
  const entries = Object.entries(object).map(([key, value]) => [key, change(value, key)] as const);
  return entries.every(([key, value]) => value === object[key]) ? object : Object.fromEntries(entries);
}

/**
 * A copy with every entry changed; the value itself when no entry changes. A value that is no list counts as its only
 * entry.
 */
export function mapEntries(value: unknown, change: (entry: unknown) => unknown): unknown {
  if (!Array.isArray(value)) return change(value);
  const changed = value.map(change);
  return changed.every((entry, i) => entry === value[i]) ? value : changed;
}

/** A copy without these properties. */
export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** A value described for messages: its JSON, shortened, or its type. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
    return typeof value;
  const json = JSON.stringify(value);
  return json.length > 120 ? `${json.slice(0, 120)}…` : json;
}
