/** Fields that are scored by themselves: which, and how they are read from a hit. */
import { ConfigurationError, type FieldText } from '../engine/index.ts';
import { describeValue, isObject, type JsonObject } from './cluster/json.ts';
import { fieldText, fieldValues, innerHitsPrefix } from './hit-text.ts';

/** A field that is scored by itself. */
export interface ApartField {
  /** Its dotted path; nested objects are followed, and `inner_hits.NAME.FIELD` reads the inner hits of that name. */
  readonly name: string;
  /** How often its mass counts, above 0. @defaultValue 1 */
  readonly weight?: number | undefined;
  /** Whether each of its values is scored by itself; else they are one text. @defaultValue false */
  readonly each?: boolean | undefined;
}

/** The fields, from their options: a text is a name, `reviews[]` means `each`, `title^2` a weight. @throws ConfigurationError */
export function apartFields(options: unknown, what: string): readonly ApartField[] {
  const fields = Array.isArray(options) ? options.map(toField) : undefined;
  if (fields?.every((field) => field !== undefined)) return fields;
  const message = `expected names such as "title^2" or "reviews[]", or { name, weight?, each? } with a weight above 0, got ${describeValue(options)}`;
  throw new ConfigurationError(what, [{ path: 'fieldsApart', message }]);
}

function toField(option: unknown): ApartField | undefined {
  if (typeof option === 'string') {
    const [, name = '', each, weight = '1'] = /^([^*^[\]]+)(\[\])?(?:\^([\d.]+))?$/.exec(option) ?? [];
    return toField({ name, weight: Number(weight), each: each !== undefined });
  }
  if (!isObject(option)) return undefined;
  const { name, weight = 1, each = false, ...more } = option;
  const isField =
    typeof name === 'string' &&
    /^[^*]+$/.test(name) &&
    typeof weight === 'number' &&
    weight > 0 &&
    Number.isFinite(weight) &&
    typeof each === 'boolean' &&
    Object.keys(more).length === 0;
  return isField ? { name, weight, each } : undefined;
}

/** Names of the fields that lie in `_source`; inner hits come with the hit. */
export function sourceFieldsOf(fields: readonly ApartField[]): readonly string[] {
  return fields.map(({ name }) => name).filter((name) => !name.startsWith(innerHitsPrefix));
}

/** The texts of a hit's fields, in the order of the fields. */
export function fieldTextsOf(hit: JsonObject, fields: readonly ApartField[]): readonly FieldText[] {
  return fields.flatMap(({ name: field, weight = 1, each }) => {
    const values = fieldValues(hit, field);
    if (each) return values.map((text, value) => ({ field, value, text, weight }));
    const text = field.startsWith(innerHitsPrefix) ? values.join(' ') : fieldText(hit, field);
    return text === '' ? [] : [{ field, text, weight }];
  });
}
