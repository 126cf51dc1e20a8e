/** Texts as their words alone: what stays when case and punctuation count for nothing. */

/** Letters and digits in lower case, other characters as single spaces. */
export const wordsOf = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, ' ')
    .trim();

/** Whether a text holds an answer, whole words only. Both are given as {@link wordsOf} gives them. */
export const hasAnswer = (text: string, answer: string): boolean =>
  answer !== '' && ` ${text} `.includes(` ${answer} `);
