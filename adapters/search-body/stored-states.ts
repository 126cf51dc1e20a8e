/** Block states that come with the hits: what is asked for, how it is read, and how it is taken out again. */
import type { StoredState } from '../../engine/index.ts';
import { isObject, type JsonObject, valueAt, without } from '../cluster/json.ts';
import { encodingDigestOf, type StoredStates, stateFieldOf } from '../stored-states/places.ts';
import { type SourceChoice, sourceChoice } from './source-filter.ts';

/** What a search asks for so that states come with its hits. */
export interface StateFields {
  /** Parts of `_source`. */
  readonly source: readonly string[];
  /** What is asked for as `fields`: Elasticsearch leaves vectors out of `_source`, OpenSearch gives them nowhere else. */
  readonly fetched: readonly string[];
}

const none: StateFields = { source: [], fetched: [] };

/** What a search of this server asks for. */
export function stateFields(states: StoredStates | undefined, server: string): StateFields {
  if (!states || states.kind === 'sidecar') return none;
  const takesFields = server === 'elasticsearch';
  if (states.kind === 'vector') {
    return takesFields ? { source: [], fetched: [states.field] } : { source: [states.field], fetched: [] };
  }
  const field = stateFieldOf(states);
  const bytes = { source: [`${field}.state`], fetched: [] };
  if (!states.vector) return bytes;
  const marks = [...bytes.source, `${field}.encoding`, `${field}.text_digest`];
  const vector = `${field}.vector`;
  return takesFields ? { source: marks, fetched: [vector] } : { source: [...marks, vector], fetched: [] };
}

/** Takes out of a hit's `_source` what was only fetched for its state; what the user asked for by name stays. */
export function stateHider(
  view: JsonObject,
  states: StoredStates | undefined,
  server: string,
): (hit: JsonObject) => JsonObject {
  // A vector of the user's own is a field like any other: it came because all fields did.
  const hidden = states?.kind === 'field' ? stateFieldOf(states) : undefined;
  const hides = hidden !== undefined && !isNamed(sourceChoice(view, server), hidden) ? hidden : undefined;
  return (hit) => withoutSource(hit, hides);
}

function isNamed(choice: SourceChoice, field: string): boolean {
  return choice.kind === 'some' && choice.includes.some((pattern) => pattern.startsWith(field));
}

function withoutSource(hit: JsonObject, field: string | undefined): JsonObject {
  const { _source: source } = hit;
  if (field === undefined || !isObject(source) || !Object.hasOwn(source, field)) return hit;
  return { ...hit, _source: without(source, [field]) };
}

/** Reads the state of a hit; `undefined` when it came with none. */
export function stateReader(states: StoredStates | undefined): (hit: JsonObject) => StoredState | undefined {
  if (!states || states.kind === 'sidecar') return () => undefined;
  if (states.kind === 'vector') {
    return (hit) => {
      const values = vectorOf(hit, states.field);
      return values && { values };
    };
  }
  const field = stateFieldOf(states);
  return (hit) => {
    const { _source: source } = hit;
    const stored = isObject(source) && isObject(source[field]) ? source[field] : {};
    return bytesOf(stored) ?? (states.vector ? markedVector(hit, field, stored) : undefined);
  };
}

/** The bytes of a stored state; anything that is no text is none. */
export function bytesOf(stored: JsonObject): Uint8Array | undefined {
  const { state } = stored;
  return typeof state === 'string' && state !== '' ? Buffer.from(state, 'base64') : undefined;
}

function markedVector(hit: JsonObject, field: string, stored: JsonObject): StoredState | undefined {
  const values = vectorOf(hit, `${field}.vector`);
  const { encoding, text_digest: textDigest } = stored;
  // Without its marks nobody knows whose it is.
  if (!values || typeof encoding !== 'string' || typeof textDigest !== 'string') return undefined;
  return { values, encodingDigest: encodingDigestOf(encoding), textDigest };
}

/** A vector from `fields`, where it came so, else from `_source`. */
function vectorOf(hit: JsonObject, path: string): readonly number[] | undefined {
  const { fields, _source: source } = hit;
  const fetched = isObject(fields) ? fields[path] : undefined;
  const found = fetched ?? valueAt(source, path.split('.'));
  const isVector =
    Array.isArray(found) && found.length > 0 && found.every((value) => typeof value === 'number');
  return isVector ? found : undefined;
}
