/** Fields that a search asks for as `fields` beside the caller's own, and how they are taken out of its hits again. */
import { isObject, type JsonObject, toList, without } from '../cluster/json.ts';
import { toPattern } from './filter-source.ts';
import type { SearchBodySettings } from './options.ts';
import { stateFields } from './stored-states.ts';

/** Every field that is asked for as `fields`: block states where they come so, and signals. */
function fetchedFields({ states, adapter, signals }: SearchBodySettings): readonly string[] {
  return [...new Set([...stateFields(states, adapter).fetched, ...signals])];
}

/** New values of a request's properties, so that these fields come too. */
export function fieldsChange(view: JsonObject, settings: SearchBodySettings): JsonObject {
  const missing = addedFields(view, settings);
  return missing.length === 0 ? {} : { fields: [...toList(view['fields']), ...missing] };
}

/** Takes out of a hit what {@link fieldsChange} added; what the caller asked for, by name or by pattern, stays. */
export function fieldsHider(view: JsonObject, settings: SearchBodySettings): (hit: JsonObject) => JsonObject {
  const added = addedFields(view, settings);
  if (added.length === 0) return (hit) => hit;
  const asked = askedFields(view);
  // A field inside of nested objects comes under the name of the outermost.
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

/** What the caller asked for: names and patterns, alone or beside a format. */
function askedFields(view: JsonObject): readonly string[] {
  return toList(view['fields'])
    .map((entry) => (isObject(entry) ? entry['field'] : entry))
    .filter((name) => typeof name === 'string');
}
