/** Parts a text into sentences and counts what they cost a reader that pays by the token. */

/** A stretch of a text: UTF-16 code units, last exclusive. */
export interface Stretch {
  /** First character, inclusive. */
  readonly start: number;
  /** Last character, exclusive. */
  readonly end: number;
}

/** Sentences end by the rules of Unicode (UAX #29), which know most scripts and need no language. */
const segmenter = new Intl.Segmenter('und', { granularity: 'sentence' });

/**
 * The sentences of a stretch of a text, without white space at their ends, in reading order. A stretch without words has
 * none.
 */
export function sentencesOf(text: string, { start, end }: Stretch): Stretch[] {
  const sentences: Stretch[] = [];
  for (const { index, segment } of segmenter.segment(text.slice(start, end))) {
    const words = segment.trim();
    if (!/[\p{L}\p{N}]/u.test(words)) continue;
    const first = start + index + segment.length - segment.trimStart().length;
    sentences.push({ start: first, end: first + words.length });
  }
  return sentences;
}

/** A character of scripts without spaces, up to eight letters or digits of a word, or a mark. */
const pieces =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[\p{L}\p{M}\p{N}]{1,8}|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * Tokens of a text, nearly: the tokenizers of models differ, and none of them is asked. A word counts one for each eight
 * letters that it begins, a mark of punctuation one.
 */
export function countTextTokens(text: string): number {
  return text.match(pieces)?.length ?? 0;
}

/** A word with what it costs. */
export interface CountedWord extends Stretch {
  /** See {@link countTextTokens}. */
  readonly tokens: number;
}

/** The words of a stretch, as spaces part them; of scripts without spaces, their characters. */
export function countedWords(text: string, { start, end }: Stretch): CountedWord[] {
  const words: CountedWord[] = [];
  const parts =
    /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[^\s\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]+/gu;
  for (const { index, 0: word } of text.slice(start, end).matchAll(parts)) {
    words.push({ start: start + index, end: start + index + word.length, tokens: countTextTokens(word) });
  }
  return words;
}
