/** Turns the value of a stored field into a candidate's signal. */
import type { CandidateSignals, SignalValue } from '../engine/index.ts';

/**
 * The signal of a field's value or values: numbers and texts as they are, booleans as 1 and 0, geo points as
 * "latitude,longitude", several values as a list of texts, `null` where there is no value. Objects that are no points
 * give no signal.
 */
export function toSignalValue(given: unknown): SignalValue {
  const values = [given].flat().flatMap(scalarsIn);
  const [first = null] = values;
  return values.length > 1 ? values.map(String) : first;
}

/** The named signals of a document's fields. */
export function toSignals(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): CandidateSignals {
  const own = new Map(Object.entries(fields));
  return Object.fromEntries(names.map((name) => [name, toSignalValue(own.get(name))]));
}

function scalarsIn(value: unknown): readonly (number | string)[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return Number.isFinite(value) ? [value] : [];
  if (typeof value === 'boolean') return [Number(value)];
  return typeof value === 'object' && value !== null ? pointIn(value) : [];
}

/** The geo point in an object: as GeoJSON, longitude first, or in a form of the servers. */
function pointIn(value: object): readonly string[] {
  const { type, coordinates, lat, lon } = value as Readonly<Record<string, unknown>>;
  const [east, north] = type === 'Point' && Array.isArray(coordinates) ? coordinates : [lon, lat];
  return typeof north === 'number' && typeof east === 'number' ? [`${north},${east}`] : [];
}
