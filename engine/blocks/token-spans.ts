/** Finds the spans of a prompt's tokens in one of its parts. */
import type { PromptPart, PromptTokenizer, TokenPiece } from '../tokenizer/prompt-tokenizer.ts';
import type { Span } from './spans.ts';

/** A token's span in a part's text: UTF-16 code units; empty (`start === end`) for tokens outside the part. */
export type TokenSpan = Span;

/** One UTF-8 byte of the text that the tokenizer reads, and the prompt's character that the byte came from. */
interface ReadByte {
  readonly byte: number;
  readonly start: number;
  readonly end: number;
}

/**
 * The spans of a prompt's tokens in the text of its part number `own`. A token that ends inside a character covers the
 * whole character; so does the next one. A token that lies half in the template covers the half inside the part.
 *
 * @returns One span a token, in order, ascending.
 */
export function tokenSpans(
  tokenizer: PromptTokenizer,
  parts: readonly PromptPart[],
  own: number,
): readonly TokenSpan[] {
  const pieces = tokenizer.pieces(tokenizer.encode(parts));
  const prompt = parts.map(({ text }) => text).join('');
  const from = parts.slice(0, own).reduce((sum, { text }) => sum + text.length, 0);
  const to = from + parts[own]!.text.length;
  return walk(pieces, readBytes(tokenizer, prompt), prompt).map(({ start, end }) => {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    return last > first ? { start: first - from, end: last - from } : { start: 0, end: 0 };
  });
}

function walk(pieces: readonly TokenPiece[], bytes: readonly ReadByte[], prompt: string): Span[] {
  let at = 0;
  const here = (): number => bytes[at]?.start ?? prompt.length;
  return pieces.map((piece) => {
    const start = here();
    if ('special' in piece) {
      const found = Math.max(start, prompt.indexOf(piece.special, start));
      const end = found + piece.special.length;
      while (here() < end && at < bytes.length) at += 1;
      return { start: found, end };
    }
    // The tokenizer adds a space at the front that the text does not have.
    const added = at === 0 && piece.bytes[0] === 0x20 && bytes[0]?.byte !== 0x20 ? 1 : 0;
    at = Math.min(bytes.length, at + piece.bytes.length - added);
    const isEmpty = piece.bytes.length === added || start === prompt.length;
    return isEmpty ? { start, end: start } : { start, end: bytes[at - 1]!.end };
  });
}

/** Characters that may become one when a text is normalised: a base with its marks, or a run of Hangul letters. */
const cluster = /[\u1100-\u11FF]+|\P{M}\p{M}*|\p{M}+/gsu;

function readBytes(tokenizer: PromptTokenizer, prompt: string): ReadByte[] {
  const bytes: ReadByte[] = [];
  for (const { 0: text, index } of prompt.matchAll(cluster)) {
    const read = tokenizer.normalise(text);
    if (read === text) pushCharacters(bytes, text, index);
    else pushWhole(bytes, read, { start: index, end: index + text.length });
  }
  return bytes;
}

function pushCharacters(bytes: ReadByte[], text: string, from: number): void {
  let start = from;
  for (const character of text) {
    pushWhole(bytes, character, { start, end: start + character.length });
    start += character.length;
  }
}

function pushWhole(bytes: ReadByte[], read: string, { start, end }: Span): void {
  for (const byte of Buffer.from(read)) bytes.push({ byte, start, end });
}
