/**
 * Finds the offsets of values inside a JSON text, so that a caller can move values byte by byte. Texts here hold one
 * character a byte (`latin1`), whatever their encoding: a slice of the text is a slice of the bytes. The caller has
 * parsed the text with `JSON.parse` before.
 */

/** A part of a text, from its first character to before its last. */
export interface Slice {
  /** Offset of the first character. */
  readonly start: number;
  /** Offset after the last character. */
  readonly end: number;
}

/** A property of an object. */
export interface Member {
  /** Its name. */
  readonly key: string;
  /** The text before the value: white space, name and colon. */
  readonly head: string;
  /** Its value. */
  readonly value: Slice;
}

/** The properties of the object that starts here; both properties where a name comes twice. */
export function membersOf(text: string, start: number): readonly Member[] {
  const members: Member[] = [];
  let at = start + 1;
  for (;;) {
    const open = skipSpace(text, at);
    if (text[open] === '}') return members;
    const close = endOfString(text, open);
    const valueStart = skipSpace(text, skipSpace(text, close) + 1);
    const end = endOfValue(text, valueStart);
    const key = JSON.parse(fromBytes(text.slice(open, close))) as string;
    members.push({ key, head: text.slice(at, valueStart), value: { start: valueStart, end } });
    at = afterComma(text, end);
  }
}

/** The entries of the list that starts here. */
export function elementsOf(text: string, start: number): readonly Slice[] {
  const elements: Slice[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== ']') {
    const end = endOfValue(text, at);
    elements.push({ start: at, end });
    at = skipSpace(text, afterComma(text, end));
  }
  return elements;
}

/** Where the text's only value starts. */
export function startOfValue(text: string): number {
  return skipSpace(text, 0);
}

/** A value as JSON in bytes. */
export function toBytes(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
}

/** Bytes as the text that they spell. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const space = /[^ \t\r\n]|$/g;
const structure = /["{}[\]]/g;
const endOfScalar = /[,}\] \t\r\n]|$/g;

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)!.index;
}

function skipSpace(text: string, at: number): number {
  return find(space, text, at);
}

function afterComma(text: string, at: number): number {
  const next = skipSpace(text, at);
  return text[next] === ',' ? next + 1 : next;
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') return find(endOfScalar, text, start);
  let depth = 0;
  let at = start;
  do {
    at = find(structure, text, at);
    const found = text[at];
    if (found === '"') at = endOfString(text, at);
    else {
      depth += found === '{' || found === '[' ? 1 : -1;
      at += 1;
    }
  } while (depth > 0);
  return at;
}

/** Offset after the closing quote of the string that opens here. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close + 1;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}
