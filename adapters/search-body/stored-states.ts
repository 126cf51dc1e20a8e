/** Block states that come with the hits: asks for them, reads them, and takes them out of the hits again. */
import type { StoredState } from '../../engine/index.ts';
import { isObject, type JsonObject, valueAt, without } from '../cluster/json.ts';
import { encodingDigestOf, type StoredStates, stateFieldOf } from '../stored-states/places.ts';
import { type SourceChoice, sourceChoice } from './source-filter.ts';

/** The fields that a search asks for so that states come with its hits. */
export interface StateFields {
  /** Parts of `_source`. */
  readonly source: readonly string[];
  /**
   * Fields to ask for as `fields`: Elasticsearch leaves vectors out of `_source`, OpenSearch gives them nowhere else.
   */
  readonly fetched: readonly string[];
}

const none: StateFields = { source: [], fetched: [] };

/** The fields that a search of this server asks for. */
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

/** Takes out of a hit's `_source` the fields that came only for its state; fields that the user named stay. */
export function stateHider(
  view: JsonObject,
  states: StoredStates | undefined,
  server: string,
): (hit: JsonObject) => JsonObject {
  // A vector of the user's own stays: like any other field, it came because the request took all fields.
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

/** Makes a reader of a hit's state; the reader gives `undefined` for a hit without one. */
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

/** The bytes of a stored state; `undefined` when the stored values are no text. */
export function bytesOf(stored: JsonObject): Uint8Array | undefined {
  const { state } = stored;
  return typeof state === 'string' && state !== '' ? Buffer.from(state, 'base64') : undefined;
}

function markedVector(hit: JsonObject, field: string, stored: JsonObject): StoredState | undefined {
  const values = vectorOf(hit, `${field}.vector`);
  const { encoding, text_digest: textDigest } = stored;
  // Without its marks a state cannot be matched to an encoder and a text.
  if (!values || typeof encoding !== 'string' || typeof textDigest !== 'string') return undefined;
  return { values, encodingDigest: encodingDigestOf(encoding), textDigest };
}

/** A hit's vector, from `fields` where it came there, else from `_source`. */
function vectorOf(hit: JsonObject, path: string): readonly number[] | undefined {
  const { fields, _source: source } = hit;
  const fetched = isObject(fields) ? fields[path] : undefined;
  const found = fetched ?? valueAt(source, path.split('.'));
  const isVector =
    Array.isArray(found) && found.length > 0 && found.every((value) => typeof value === 'number');
  return isVector ? found : undefined;
}
