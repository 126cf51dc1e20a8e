/** Reads JSON objects from text, so that a changed object keeps the bytes of every unchanged part. */
import { isObject, type JsonObject } from './json.ts';
import { fromBytes, membersOf, startOfValue } from './json-text.ts';
import { respell } from './respell.ts';

/** An object, and the text that it was read from. */
export interface ReadObject {
  /** What `JSON.parse` made of the text. */
  readonly value: JsonObject;
  /** The text of a changed object, one character a byte; see {@link respell}. */
  respell(after: unknown): string;
}

/**
 * Reads the text of one object; `undefined` when the text is no object, or when a name comes twice in it: both servers
 * refuse that, and a rewritten object would hold the name once.
 *
 * @param bytes - The text, one character a byte.
 */
export function readObject(bytes: string): ReadObject | undefined {
  const value = parsed(bytes);
  if (!isObject(value)) return undefined;
  const start = startOfValue(bytes);
  const members = membersOf(bytes, start);
  if (new Set(members.map(({ key }) => key)).size < members.length) return undefined;
  return { value, respell: (after) => respell(bytes, { start, end: bytes.length }, value, after) };
}

function parsed(bytes: string): unknown {
  try {
    return JSON.parse(fromBytes(bytes));
  } catch (error) {
    // The server judges such a request: it gets the text unchanged and says what is wrong with it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
