/** Words of texts, and how many of a query's stand in a document. */

/** The words of a text in lower case: runs of letters and digits. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** The share of the query's words that the text holds, in [0, 1]; 0 for a query without words. */
export function shareFound(query: ReadonlySet<string>, text: string): number {
  if (query.size === 0) return 0;
  const words = new Set(wordsOf(text));
  return [...query].filter((word) => words.has(word)).length / query.size;
}
