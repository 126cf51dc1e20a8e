/** The rows of a hashed table that stand for a text: its words, and runs of characters of each. */

/** Characters of the shortest and of the longest run. */
const runLengths = [3, 4, 5] as const;

/** Characters of a text that are read, in UTF-16 code units; a category's name or a search has a few dozen. */
const maxCharacters = 4096;

/**
 * Rows of a text in a table of hashed words and character n-grams, one a word and one a run of 3 to 5 characters of
 * `<word>`; a row that two features share comes twice. Case and compatibility forms do not count. A word that was never
 * seen shares runs with words that were. Empty for a text without words.
 *
 * @param buckets - Rows of the table, from 1.
 *
 * Source: runs of characters with marks at both ends, arXiv:1607.04606, section 3.2.
 */
export function textRows(text: string, buckets: number): Int32Array {
  const words =
    text
      .slice(0, maxCharacters)
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return Int32Array.from(words.flatMap(featuresOf), (feature) => hash(feature) % buckets);
}

/** A word behind a blank, which no run has, and its runs. */
function featuresOf(word: string): string[] {
  const characters = [...`<${word}>`];
  const runs = runLengths.flatMap((length) =>
    Array.from({ length: Math.max(0, characters.length - length + 1) }, (_, i) =>
      characters.slice(i, i + length).join(''),
    ),
  );
  return [` ${word}`, ...runs];
}

/** FNV-1a of the UTF-16 code units, 32 bits, mixed at the end so that low bits depend on all. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return (state ^ (state >>> 15)) >>> 0;
}
