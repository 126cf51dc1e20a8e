/** Reads the body of a client's call, in every form that the clients take. */
import { isObject, type JsonObject, readObject } from '../../adapters/search-body/index.ts';

/** A part of a call's body: its value, and a writer that gives a changed value the same form. */
export interface ReadPart {
  readonly value: JsonObject;
  /** The changed part in the caller's form; `undefined` for no body. */
  write(changed: JsonObject): unknown;
}

/** A search's body; `undefined` for a stream, and for a body that is no JSON object. */
export function readBody(body: unknown): ReadPart | undefined {
  if (body === undefined || body === null || body === '') {
    return { value: {}, write: (changed) => (Object.keys(changed).length > 0 ? changed : undefined) };
  }
  if (typeof body === 'string') return readText(body);
  if (!Buffer.isBuffer(body)) return readValue(body);
  const read = readObject(body.toString('latin1'));
  return read && { value: read.value, write: (changed) => Buffer.from(read.respell(changed), 'latin1') };
}

/** The lines of a multi-search; `undefined` for a stream, and where a line is no JSON object. */
export function readLines(lines: unknown): readonly ReadPart[] | undefined {
  const list = Buffer.isBuffer(lines) ? lines.toString('utf8') : lines;
  // Both servers refuse a last line without its end; for a list, the clients add the line ends.
  if (typeof list === 'string') return list.endsWith('\n') ? readLines([list.slice(0, -1)]) : undefined;
  if (!Array.isArray(list)) return undefined;
  const read = list.flatMap((entry: unknown) =>
    typeof entry === 'string' ? entry.split(/\r?\n/).map(readText) : [readValue(entry)],
  );
  const parts = read.filter((part) => part !== undefined);
  return parts.length === read.length && parts.length % 2 === 0 ? parts : undefined;
}

function readText(text: string): ReadPart | undefined {
  const read = readObject(Buffer.from(text, 'utf8').toString('latin1'));
  if (!read) return undefined;
  return {
    value: read.value,
    write: (changed) =>
      changed === read.value ? text : Buffer.from(read.respell(changed), 'latin1').toString('utf8'),
  };
}

/** An object as the client writes it: an object of a query builder has its own `toJSON`. */
function readValue(value: unknown): ReadPart | undefined {
  const read = isPlain(value) ? value : writtenAnew(value);
  return isObject(read)
    ? { value: read, write: (changed) => (changed === read ? value : changed) }
    : undefined;
}

/** Deeper than any query that a server takes, so that a cycle is found. */
const maxDepth = 1000;

function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  if (depth > maxDepth) return false;
  if (Array.isArray(value)) return value.every((entry) => isPlain(entry, depth + 1));
  if (!isObject(value) || typeof value['toJSON'] === 'function') return false;
  return Object.values(value).every((entry) => isPlain(entry, depth + 1));
}

function writtenAnew(value: unknown): unknown {
  if (typeof (value as { pipe?: unknown } | null)?.pipe === 'function') return undefined;
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (error) {
    // A cycle, or a number that JSON cannot hold: the client throws its own error, or has its own serializer.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
