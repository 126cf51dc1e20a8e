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
 * What those rules take for an end of a sentence and is none: an initial (`Michael E. Mann`), letters with stops between
 * them (`U.S. Army`), titles and short forms. CLDR calls them suppressions; JavaScript does not offer them.
 */
const abbreviation =
  /(?:^|[^\p{L}\p{N}.])(?:\p{L}(?:\.\p{L})*|mrs?|ms|drs?|prof|rev|gen|capt|lt|sgt|sen|rep|gov|st|mt|jr|sr|inc|ltd|corp|bros|al|vs|cf|approx|ca)\.\s*$/iu;
/** What is one before a number only: `Fig. 3`, but not `the answer is no.` */
const beforeNumber =
  /(?:^|[^\p{L}\p{N}.])(?:nos?|vols?|ch|pp|figs?|eqs?|sec|art|stat|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.\s*$/iu;
/** Characters in which the longest abbreviation ends, with the one before it and spaces behind it. */
const abbreviationLength = 16;

/**
 * The sentences of a stretch of a text, without white space at their ends, in reading order. A stretch without words has
 * none. An abbreviation does not end a sentence, so one that does is read on into the next.
 */
export function sentencesOf(text: string, { start, end }: Stretch): Stretch[] {
  const sentences: Stretch[] = [];
  let first = start;
  for (const { index, segment } of segmenter.segment(text.slice(start, end))) {
    const last = start + index + segment.length;
    if (last < end && !endsSentence(segment, text.charAt(last))) continue;
    const sentence = text.slice(first, last);
    const words = sentence.trim();
    if (/[\p{L}\p{N}]/u.test(words)) {
      const from = last - sentence.trimStart().length;
      sentences.push({ start: from, end: from + words.length });
    }
    first = last;
  }
  return sentences;
}

/** Whether a segment ends more than an abbreviation. @param next - The character behind it. */
function endsSentence(segment: string, next: string): boolean {
  const last = segment.slice(-abbreviationLength);
  return !(abbreviation.test(last) || (/\p{N}/u.test(next) && beforeNumber.test(last)));
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
