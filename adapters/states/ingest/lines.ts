/** Reads and changes bulk operations as clients take them: objects, or lines of JSON, which keep their bytes. */
import { describeValue, isObject, type JsonObject } from '../../cluster/json.ts';

/** An object, or the line of JSON that stands for it. */
export type BulkLine = object | string;

/** One operation. */
export interface BulkStep {
  /** The kind of operation. */
  readonly kind: 'index' | 'create' | 'update' | 'delete';
  /** The address of the document, and the conditions of the write. */
  readonly target: JsonObject;
  /** The action as it was given. */
  readonly action: BulkLine;
  /** The content as it was given; absent for `delete`. */
  readonly body?: BulkLine;
}

const kinds: readonly string[] = ['index', 'create', 'update', 'delete'];

/**
 * The operations of a bulk request, in their order.
 *
 * @throws TypeError when something stands where an action or a document should.
 */
export function toSteps(operations: readonly unknown[] | string | Uint8Array): readonly BulkStep[] {
  const lines = toLines(operations);
  const steps: BulkStep[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const action = lines[i]!;
    const [entry] = Object.entries(toJson(action, i));
    const [kind = '', target] = entry ?? [];
    if (!kinds.includes(kind) || !isObject(target)) {
      const found = describeValue(toJson(action, i));
      throw new TypeError(`bulk: expected an action (${kinds.join(', ')}) at ${i}, got ${found}.`);
    }
    const step = { kind: kind as BulkStep['kind'], target, action };
    if (kind === 'delete') steps.push(step);
    else {
      i += 1;
      const body = lines[i];
      if (body === undefined) throw new TypeError(`bulk: expected a document at ${i}, got nothing.`);
      steps.push({ ...step, body });
    }
  }
  return steps;
}

function toLines(operations: readonly unknown[] | string | Uint8Array): readonly BulkLine[] {
  const parts: readonly unknown[] = Array.isArray(operations) ? operations : [operations];
  return parts.flatMap((part, i): readonly BulkLine[] => {
    const text = part instanceof Uint8Array ? Buffer.from(part).toString() : part;
    if (typeof text === 'string') return text.split('\n').filter((line) => line.trim() !== '');
    if (typeof text === 'object' && text !== null) return [text];
    throw new TypeError(`bulk: expected an object or a line of JSON at ${i}, got ${describeValue(text)}.`);
  });
}

/** A line as the object that the server will read. @throws TypeError when the line is no object. */
export function toJson(line: BulkLine, at: number): JsonObject {
  // A client writes dates as text, and leaves `undefined` out.
  const text = typeof line === 'string' ? line : JSON.stringify(line, toNumber);
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // The error below names the line.
  }
  throw new TypeError(`bulk: expected an object at ${at}, got ${describeValue(line)}.`);
}

function toNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

/** The object that is a property's value; `undefined` where there is none. */
export function partOf(line: BulkLine, name: string): BulkLine | undefined {
  if (!isObject(toJson(line, 0)[name])) return undefined;
  if (typeof line !== 'string') return plain(line)[name] as object;
  const span = spanOf(line, name);
  return span && line.slice(...span);
}

/**
 * A document with one property added or replaced. The argument is not changed, and a line keeps its text except for the
 * property: numbers of many digits are not read and written again.
 */
export function withProperty(line: BulkLine, name: string, value: BulkLine): BulkLine {
  if (typeof line !== 'string') return { ...plain(line), [name]: value };
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const span = spanOf(line, name);
  // Servers refuse an object that holds the property twice.
  if (span) return `${line.slice(0, span[0])}${text}${line.slice(span[1])}`;
  const open = line.trimEnd().slice(0, -1).trimEnd();
  const comma = open.endsWith('{') ? '' : ',';
  return `${open}${comma}${JSON.stringify(name)}:${text}}`;
}

/** An object as `toJSON` gives it, where it has that method. */
function plain(value: object): JsonObject {
  const hasOwnForm = typeof (value as { toJSON?: unknown }).toJSON === 'function';
  return hasOwnForm ? toJson(value, 0) : (value as JsonObject);
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gsu;
const steps: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 };

/** The offsets at which the value of a property of the outermost object begins and ends. */
function spanOf(json: string, name: string): readonly [number, number] | undefined {
  let depth = 0;
  let key: string | undefined;
  let start = 0;
  for (const { 0: token, index } of json.matchAll(tokens)) {
    const isOuter = depth === 1;
    depth += steps[token] ?? 0;
    if (!isOuter) continue;
    if (token.startsWith('"')) key ??= JSON.parse(token) as string;
    else if (token === ':') start = index + 1;
    else if (token === ',' || token === '}') {
      if (key === name) return [start, index];
      key = undefined;
    }
  }
  return undefined;
}
