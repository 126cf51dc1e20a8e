/** Reads what a signal's value says: numbers, dates, points on the map, keywords. What cannot be read so says nothing. */
import type { SignalValue } from '../contract.ts';

/** A point on the map, in degrees. */
export interface GeoPoint {
  /** Degrees north, in [-90, 90]. */
  readonly latitude: number;
  /** Degrees east, in [-180, 180]. */
  readonly longitude: number;
}

/** Every number of the value, in its order. */
export function numbersOf(value: SignalValue | undefined): readonly number[] {
  return valuesOf(value).flatMap((each) => {
    const number = typeof each === 'number' ? each : each.trim() === '' ? Number.NaN : Number(each);
    return Number.isFinite(number) ? [number] : [];
  });
}

/** Every date of the value, in milliseconds since 1970. */
export function datesOf(value: SignalValue | undefined): readonly number[] {
  return valuesOf(value).flatMap((each) => {
    const date = typeof each === 'number' ? each : toDate(each);
    return date !== undefined && Number.isFinite(date) ? [date] : [];
  });
}

/** Every point of the value. */
export function pointsOf(value: SignalValue | undefined): readonly GeoPoint[] {
  return valuesOf(value).flatMap((each) => (typeof each === 'string' ? (toPoint(each) ?? []) : []));
}

/** Every value as a text. */
export function keywordsOf(value: SignalValue | undefined): readonly string[] {
  return valuesOf(value).map(String);
}

function valuesOf(value: SignalValue | undefined): readonly (number | string)[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'object' ? value : [value];
}

const datePattern =
  /^(\d{4})(?:[-/](\d\d?)(?:[-/](\d\d?))?)?(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * A date as the servers write it: ISO 8601 from the year on, also with slashes, or milliseconds since 1970. Without a
 * zone it is UTC, as it is for the servers. `undefined` for what is no date.
 */
export function toDate(text: string): number | undefined {
  const given = text.trim();
  // A number of four digits is a year, for the servers too.
  if (/^-?\d{5,}$/.test(given)) return Number(given);
  const found = datePattern.exec(given);
  if (!found) return undefined;
  const [, year, month = '1', day = '1', hour = '0', minute = '0', second = '0', fraction = '', zone] = found;
  const numbers = [month, day, hour, minute, second].map(Number) as [number, number, number, number, number];
  const [m, d, h, min, s] = numbers;
  const ms = Math.trunc(Number(`0.${fraction || '0'}`) * 1000);
  const time = Date.UTC(Number(year), m - 1, d, h, min, s, ms);
  const isReal = new Date(time).getUTCMonth() === m - 1 && h < 24 && min < 60 && s < 60;
  return isReal ? time - zoneMs(zone) : undefined;
}

function zoneMs(zone: string | undefined): number {
  const found = /^([+-])(\d\d):?(\d\d)$/.exec(zone ?? '');
  if (!found) return 0;
  const minutes = 60 * Number(found[2]) + Number(found[3]);
  return (found[1] === '-' ? -minutes : minutes) * 60_000;
}

const decimal = String.raw`[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const pairPattern = new RegExp(String.raw`^\s*(${decimal})\s*,\s*(${decimal})\s*$`);
const wellKnownPattern = new RegExp(String.raw`^\s*POINT\s*\(\s*(${decimal})\s+(${decimal})\s*\)\s*$`, 'i');

/** A point from "latitude,longitude", or from "POINT (longitude latitude)"; `undefined` for what is none. */
export function toPoint(text: string): GeoPoint | undefined {
  const pair = pairPattern.exec(text);
  const wellKnown = pair ? undefined : wellKnownPattern.exec(text);
  const latitude = Number(pair?.[1] ?? wellKnown?.[2] ?? Number.NaN);
  const longitude = Number(pair?.[2] ?? wellKnown?.[1] ?? Number.NaN);
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined;
}

/** Mean radius of the earth in metres, as Elasticsearch's `arc` has it. */
const earthRadiusMetres = 6_371_008.7714;

/** Distance of two points over the ground, in metres. Source: the haversine formula. */
export function metresBetween(a: GeoPoint, b: GeoPoint): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const halfSine = (angle: number): number => Math.sin(angle / 2) ** 2;
  const share =
    halfSine(radians(b.latitude - a.latitude)) +
    Math.cos(radians(a.latitude)) *
      Math.cos(radians(b.latitude)) *
      halfSine(radians(b.longitude - a.longitude));
  return 2 * earthRadiusMetres * Math.asin(Math.min(1, Math.sqrt(share)));
}
