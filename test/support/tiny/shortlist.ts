import type { Shortlist } from '../../../engine/index.ts';

/** A shortlist over texts, in their order, with descending first-stage scores. */
export function shortlistOf(query: string, ...texts: readonly string[]): Shortlist {
  return {
    query: { text: query },
    firstStage: 'lexical',
    candidates: texts.map((text, i) => ({
      docId: `d${i}`,
      text,
      segments: [{ field: 'text', start: 0, end: text.length }],
      firstStageScore: texts.length - i,
    })),
  };
}

/** Six documents of unlike length, an empty one among them; two are about bread. */
export const breadTexts: readonly string[] = [
  'Bread dough rises while it rests.',
  'The stars of the southern sky are bright in June.',
  'A recipe for bread: flour, water, salt and time.',
  'Short.',
  '',
  `A long text about bread. ${'It goes on about the oven and the crust. '.repeat(12)}`,
];
