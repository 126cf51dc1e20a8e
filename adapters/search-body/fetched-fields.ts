/** Adds the fields that a search needs to the caller's own `fields`, and takes them out of the hits again. */
import { isObject, type JsonObject, toList, without } from '../cluster/json.ts';
import { toPattern } from './filter-source.ts';
import type { SearchBodySettings } from './options.ts';
import { stateFields } from './stored-states.ts';

/** Every field that the adapter asks for as `fields`: block states where they come that way, and signals. */
function fetchedFields({ states, adapter, signals }: SearchBodySettings): readonly string[] {
  return [...new Set([...stateFields(states, adapter).fetched, ...signals])];
}

/** New values of a request's properties that ask for these fields too. */
export function fieldsChange(view: JsonObject, settings: SearchBodySettings): JsonObject {
  const missing = addedFields(view, settings);
  return missing.length === 0 ? {} : { fields: [...toList(view['fields']), ...missing] };
}

/**
 * Takes out of a hit what {@link fieldsChange} added; fields that the caller asked for, by name or by pattern, stay.
 */
export function fieldsHider(view: JsonObject, settings: SearchBodySettings): (hit: JsonObject) => JsonObject {
  const added = addedFields(view, settings);
  if (added.length === 0) return (hit) => hit;
  const asked = askedFields(view);
  // The servers return a field inside nested objects under the name of the outermost object.
  const isHidden = (name: string): boolean =>
    added.some((field) => field === name || field.startsWith(`${name}.`)) &&
    !asked.some((pattern) => toPattern(pattern).test(name) || pattern.startsWith(`${name}.`));
  return (hit) => {
    const { fields } = hit;
    if (!isObject(fields)) return hit;
    const kept = without(fields, Object.keys(fields).filter(isHidden));
    return Object.keys(kept).length > 0 ? { ...hit, fields: kept } : without(hit, ['fields']);
  };
}

function addedFields(view: JsonObject, settings: SearchBodySettings): readonly string[] {
  const patterns = askedFields(view).map(toPattern);
  return fetchedFields(settings).filter((field) => !patterns.some((pattern) => pattern.test(field)));
}

/** The fields that the caller asked for: names and patterns, alone or beside a format. */
function askedFields(view: JsonObject): readonly string[] {
  return toList(view['fields'])
    .map((entry) => (isObject(entry) ? entry['field'] : entry))
    .filter((name) => typeof name === 'string');
}
