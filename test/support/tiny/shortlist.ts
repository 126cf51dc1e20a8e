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
