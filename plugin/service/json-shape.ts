/**
 * Checks the depth and the size of JSON before it is parsed: some bodies of few bytes take seconds and gigabytes to
 * parse.
 */
import { ServiceFault } from './fault.ts';

/** Most levels of nested lists and objects; documents may have nested fields, but never this many levels. */
export const maxJsonDepth = 32;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openings: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const closings: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/**
 * Checks the shape of JSON; reads the bytes once and keeps nothing. Invalid JSON passes: the parser will refuse it.
 *
 * @param maxValues - Values in all lists and objects together.
 * @throws ServiceFault `invalid` when the JSON is too deep, `too-large` when it holds too many values.
 */
export function assertShape(json: Uint8Array, maxValues: number): void {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]!;
    if (byte === quote) at = endOfText(json, at);
    else if (byte === comma) values += 1;
    else if (openings.has(byte)) {
      depth += 1;
      values += 1;
    } else if (closings.has(byte)) depth -= 1;
    if (depth > maxJsonDepth) throw tooDeep();
    if (values > maxValues) throw tooMany(maxValues);
  }
}

/** Offset at which the string that begins here ends; the end of the bytes when it never ends. */
function endOfText(json: Uint8Array, from: number): number {
  for (let at = from + 1; at < json.length; at += 1) {
    const byte = json[at]!;
    if (byte === quote) return at;
    if (byte === backslash) at += 1;
  }
  return json.length;
}

function tooDeep(): ServiceFault {
  return new ServiceFault(
    'invalid',
    `Cannot read the request: expected lists and objects at most ${maxJsonDepth} levels deep in each other.`,
  );
}

function tooMany(maxValues: number): ServiceFault {
  return new ServiceFault(
    'too-large',
    `The request holds more than ${maxValues} values. Send fewer documents, or fewer fields of each.`,
  );
}
