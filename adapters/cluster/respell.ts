/** Writes a changed JSON value with the bytes of its unchanged parts: numbers keep every digit, names their order. */
import { isObject, type JsonObject } from './json.ts';
import { elementsOf, type Member, membersOf, type Slice, toBytes } from './json-text.ts';

/** A value that is spelled in bytes already; a changed object may hold it in place of a value. */
export class Spelled {
  /** Its JSON. */
  readonly bytes: string;

  constructor(bytes: string) {
    this.bytes = bytes;
  }
}

/**
 * The bytes of a changed value. A part with the same value as before keeps its bytes; an object keeps the order of its
 * properties, and new ones follow; a list of another length keeps the bytes of the entries that remain.
 *
 * @param bytes - The text that holds the value before the change, one character a byte.
 * @param at - Where that value stands in the text.
 * @param before - That value, as `JSON.parse` read it.
 * @param after - The changed value; properties that are `undefined` are left out.
 */
export function respell(bytes: string, at: Slice, before: unknown, after: unknown): string {
  if (before === after) return bytes.slice(at.start, at.end);
  if (after instanceof Spelled) return after.bytes;
  if (isObject(before) && isObject(after)) return respellObject(bytes, at, before, after);
  if (Array.isArray(before) && Array.isArray(after)) return respellList(bytes, at, before, after);
  return toBytes(after);
}

function respellObject(bytes: string, at: Slice, before: JsonObject, after: JsonObject): string {
  // Where a name comes twice, `JSON.parse` has read the last.
  const members = new Map<string, Member>(membersOf(bytes, at.start).map((member) => [member.key, member]));
  const has = (key: string): boolean => Object.hasOwn(after, key) && after[key] !== undefined;
  const kept = [...members.values()]
    .filter(({ key }) => has(key))
    .map(({ key, head, value }) => `${head}${respell(bytes, value, before[key], after[key])}`);
  const added = Object.keys(after)
    .filter((key) => has(key) && !members.has(key))
    .map((key) => `${toBytes(key)}:${spell(after[key])}`);
  return `{${[...kept, ...added].join(',')}}`;
}

function spell(value: unknown): string {
  return value instanceof Spelled ? value.bytes : toBytes(value);
}

function respellList(
  bytes: string,
  at: Slice,
  before: readonly unknown[],
  after: readonly unknown[],
): string {
  const elements = elementsOf(bytes, at.start);
  const isSameLength = before.length === after.length;
  let next = 0;
  const entries = after.map((entry) => {
    while (!isSameLength && next < before.length && !isPartOf(before[next], entry)) next += 1;
    const element = elements[next];
    if (!element) return spell(entry);
    const text = respell(bytes, element, before[next], entry);
    next += 1;
    return text;
  });
  return `[${entries.join(',')}]`;
}

/** Whether removing parts of `whole` can give `part`. */
function isPartOf(whole: unknown, part: unknown): boolean {
  if (whole === part) return true;
  if (Array.isArray(whole) && Array.isArray(part)) {
    let next = 0;
    return part.every((entry) => {
      while (next < whole.length && !isPartOf(whole[next], entry)) next += 1;
      next += 1;
      return next <= whole.length;
    });
  }
  if (!isObject(whole) || !isObject(part)) return false;
  return Object.keys(part).every((key) => Object.hasOwn(whole, key) && isPartOf(whole[key], part[key]));
}
