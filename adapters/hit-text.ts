/** Reads a hit's fields as text: from `_source`, from `fields`, or from highlight fragments. */

import { isObject, type JsonObject, toList } from './cluster/json.ts';
import type { FieldPart } from './document-text.ts';

/** The text of one field of a hit; empty when the hit does not have it. */
export function fieldText(hit: JsonObject, field: string): string {
  const source = hit['_source'];
  // A quick path: most fields are one text at the top level.
  const plain = isObject(source) && !field.includes('.') ? source[field] : undefined;
  if (typeof plain === 'string' && Object.hasOwn(source as JsonObject, field)) return plain;
  return toText(valuesOf(hit, field));
}

/** What the path of a field of inner hits begins with: `inner_hits.NAME.FIELD`. */
export const innerHitsPrefix = 'inner_hits.';

/** The values of one field of a hit, or of its inner hits, as texts, in the hit's order; empty ones are left out. */
export function fieldValues(hit: JsonObject, field: string): readonly string[] {
  if (field.startsWith(innerHitsPrefix)) return innerValues(hit, field.slice(innerHitsPrefix.length));
  const values = valuesOf(hit, field).flat(Number.POSITIVE_INFINITY);
  return values.map(toText).filter((text) => text !== '');
}

/** Values in the inner hits of a name, which may hold dots; their fields are those of the nested object. */
function innerValues(hit: JsonObject, path: string): readonly string[] {
  const all = hit['inner_hits'];
  if (!isObject(all)) return [];
  const name = Object.keys(all).find((each) => path.startsWith(`${each}.`));
  const found = name === undefined ? undefined : all[name];
  const hits = isObject(found) && isObject(found['hits']) ? toList(found['hits']['hits']) : [];
  return hits.filter(isObject).flatMap((inner) => fieldValues(inner, path.slice(name!.length + 1)));
}

function valuesOf(hit: JsonObject, field: string): readonly unknown[] {
  const source = hit['_source'];
  const values = isObject(source) ? valuesAt(source, field.split('.')) : [];
  if (values.length > 0) return values;
  const fetched = hit['fields'];
  return isObject(fetched) && Object.hasOwn(fetched, field) ? [fetched[field]] : [];
}

/** Every value at a dotted path; follows nested objects, names that hold dots themselves, and lists. */
function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  if (path.length === 0) return [value];
  if (Array.isArray(value)) return value.flatMap((entry) => valuesAt(entry, path));
  if (!isObject(value)) return [];
  for (let length = 1; length <= path.length; length++) {
    const name = path.slice(0, length).join('.');
    if (!Object.hasOwn(value, name)) continue;
    const found = valuesAt(value[name], path.slice(length));
    if (found.length > 0) return found;
  }
  return [];
}

/** Values as text: lists joined by spaces, numbers and booleans as they print, nothing for `null` and objects. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value))
    return value
      .map(toText)
      .filter((text) => text !== '')
      .join(' ');
  // Until Elasticsearch 8.17 a semantic_text field keeps its words beside its vectors: `{ text, inference }`.
  return isObject(value) && typeof value['text'] === 'string' && 'inference' in value ? value['text'] : '';
}

/** The highlight that the adapter adds to a request without one: bare fragments of these fields. */
export function bareHighlight(fields: readonly string[]): JsonObject {
  return { pre_tags: [''], post_tags: [''], fields: Object.fromEntries(fields.map((field) => [field, {}])) };
}

/** Makes a reader of a field's fragments in a hit, without their tags; a field without fragments is read whole. */
export function highlightReader(
  highlight: unknown,
): (hit: JsonObject, field: string) => readonly FieldPart[] {
  return (hit, field) => {
    const whole = fieldText(hit, field);
    const found = isObject(hit['highlight']) ? toList(hit['highlight'][field]) : [];
    const fragments = found.filter((fragment) => typeof fragment === 'string');
    if (fragments.length === 0) return [{ text: whole, fieldStart: 0 }];
    const tags = tagsOf(highlight, field);
    return fragments.map((fragment) => {
      const text = tags.reduce((rest, tag) => rest.replaceAll(tag, ''), fragment);
      const start = whole.indexOf(text);
      return { text, fieldStart: start < 0 ? undefined : start };
    });
  };
}

/** The tags around marked words in a field's fragments; the servers' default is `<em>`. */
function tagsOf(highlight: unknown, field: string): readonly string[] {
  const all = isObject(highlight) ? highlight : {};
  const fields = toList(all['fields']).filter(isObject);
  const own = fields.map((entry) => entry[field]).find(isObject) ?? {};
  const pre = own['pre_tags'] ?? all['pre_tags'] ?? ['<em>'];
  const post = own['post_tags'] ?? all['post_tags'] ?? ['</em>'];
  return [...toList(pre), ...toList(post)].filter((tag) => typeof tag === 'string' && tag !== '') as string[];
}
