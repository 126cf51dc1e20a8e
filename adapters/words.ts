/** Tells text with words from text of signs alone. */

/** A character that an index can find: letters, digits, and pictures such as emoji. */
const word = /[\p{L}\p{N}\p{Extended_Pictographic}]/u;

/** Whether a text has a word in it: `*`, `*:*`, `?`, `""` and `~` have none. */
export function hasWord(text: string): boolean {
  return word.test(text);
}
