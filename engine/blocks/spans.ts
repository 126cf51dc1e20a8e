/** Finds the spans of tokens in the text that they came from. */

/** A token's span of a text: UTF-16 code units, last exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface FoldedText {
  readonly characters: string[];
  /** Offset of each folded character in the text. */
  readonly offsets: number[];
}

/** Folds a text as an uncased tokenizer reads it: lower case, without accents, each character with its offset. */
function fold(text: string): FoldedText {
  const characters: string[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (const character of text) {
    for (const folded of character
      .normalize('NFD')
      .toLowerCase()
      .replace(/\p{Mn}/gu, '')) {
      characters.push(folded);
      offsets.push(at);
    }
    at += character.length;
  }
  offsets.push(text.length);
  return { characters, offsets };
}

/**
 * How far ahead the search for a spelling looks, in characters; when the spelling lies further away, the token gets an
 * empty span where the last one ended.
 */
const lookAhead = 256;

/**
 * Finds each token's span by reading text and spellings side by side.
 *
 * @param spellings - The vocabulary's spellings in text order; `##` marks a piece that continues a word.
 * @returns One span a spelling, ascending; empty where the text does not hold the spelling (unknown words).
 */
export function alignTokens(text: string, spellings: readonly string[]): Span[] {
  // Plain text folds to itself in lower case, three times faster.
  if (/^\p{ASCII}*$/u.test(text)) return alignPlain(text.toLowerCase(), spellings);
  const { characters, offsets } = fold(text);
  let at = 0;
  return spellings.map((spelling) => {
    const piece = [...spelling.replace(/^##/, '')];
    const found = find(characters, piece, at);
    if (found === -1) {
      const here = offsets[Math.min(at, offsets.length - 1)] ?? text.length;
      return { start: here, end: here };
    }
    at = found + piece.length;
    return { start: offsets[found] ?? text.length, end: endOf(text, offsets, at) };
  });
}

function alignPlain(folded: string, spellings: readonly string[]): Span[] {
  let at = 0;
  return spellings.map((spelling) => {
    const piece = spelling.startsWith('##') ? spelling.slice(2) : spelling;
    const found = folded.indexOf(piece, at);
    if (found === -1 || found > at + lookAhead) return { start: at, end: at };
    at = found + piece.length;
    return { start: found, end: at };
  });
}

function find(characters: readonly string[], piece: readonly string[], from: number): number {
  const last = Math.min(characters.length - piece.length, from + lookAhead);
  for (let at = from; at <= last; at += 1) {
    if (piece.every((character, i) => characters[at + i] === character)) return at;
  }
  return -1;
}

/** The end of the character before folded position `at`: combining marks behind it belong to it. */
function endOf(text: string, offsets: readonly number[], at: number): number {
  const last = offsets[at - 1] ?? 0;
  const next = offsets[at] ?? text.length;
  const width = String.fromCodePoint(text.codePointAt(last) ?? 0).length;
  return next > last + width && /^\p{Mn}+$/u.test(text.slice(last + width, next)) ? next : last + width;
}
