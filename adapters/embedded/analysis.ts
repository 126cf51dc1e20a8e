/**
 * Turns text into the terms of the index: words of any script, without accents, case, stop words and endings. Queries
 * and documents go through the same steps.
 */
import { stemmer } from 'stemmer';

/** How text becomes terms. */
export interface Analysis {
  /** Words that the index leaves out, lower case. */
  readonly stopWords: readonly string[];
  /** Whether words are cut to their stems (Porter's, English). */
  readonly stems: boolean;
}

/** Text as terms, in two steps as MiniSearch has them. */
export interface Analyzer {
  /** The words of a text. */
  readonly tokenize: (text: string) => string[];
  /** The term of a word; `null` for a stop word. */
  readonly processTerm: (word: string) => string | null;
}

/** Scripts that put no blanks between words: only a dictionary knows where their words end. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Blanks, separators and punctuation, as MiniSearch splits by default. */
const betweenWords = /[\n\r\p{Z}\p{P}]+/u;

/** Accents of scripts whose readers do without them; in other scripts such marks are vowels, or make another letter. */
const accents = /(?<=[\p{Script=Latin}\p{Script=Greek}]\p{M}*)\p{M}/gu;

/** Makes an analyzer. */
export function analyzer({ stopWords, stems }: Analysis): Analyzer {
  const stop = new Set(stopWords);
  return {
    tokenize: (text) => text.split(betweenWords).flatMap(wordsOf),
    processTerm(word) {
      const lower = word.toLowerCase();
      if (stop.has(lower)) return null;
      const folded = isAscii(lower) ? lower : withoutAccents(lower);
      return stems ? stemmer(folded) : folded;
    },
  };
}

/** Compatible spellings are one (`ﬁ`, full-width letters), and accents are left out. */
function withoutAccents(word: string): string {
  return word.normalize('NFKD').replace(accents, '').normalize('NFC').toLowerCase();
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

function wordsOf(chunk: string): readonly string[] {
  if (isAscii(chunk) || !unspaced.test(chunk)) return [chunk];
  return [...segmenter.segment(chunk)].flatMap(({ segment, isWordLike }) => (isWordLike ? [segment] : []));
}

/** Most text is ASCII, and needs none of the steps for other text. */
function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the first of the characters that are meant.
  return /^[\x00-\x7f]*$/.test(text);
}
