/** From attention of query tokens to spans of a document's text. */
import { alignTokens, type Span } from '../../blocks/spans.ts';
import type { BlockState, Explanation } from '../../contract.ts';

/** Token vectors of one document, as a worker reads them. */
export type TokenState = Pick<BlockState, 'blockTokens'> & { readonly tokens: Float32Array };

/** A document's own tokens: how the vocabulary spells them, and where each block starts among them. */
export interface SpelledDocument {
  readonly text: string;
  readonly spellings: readonly string[];
  readonly starts: readonly number[];
}

/**
 * Mass of a document and of each of its spans. Tokens that overlapping blocks share add up; pieces of one word are one
 * span.
 *
 * @param tokenMasses - Mass of each token of its blocks, blocks one after another: mean over the query's tokens of the
 * softmax over the whole list.
 */
export function toSpans(
  { blockTokens }: Pick<BlockState, 'blockTokens'>,
  { text, spellings, starts }: SpelledDocument,
  tokenMasses: Float64Array,
): DocumentMass {
  let templateMass = 0;
  const masses = new Float64Array(spellings.length);
  let first = 0;
  blockTokens.forEach((count, block) => {
    for (let j = 0; j < count; j += 1) {
      const mass = tokenMasses[first + j]!;
      const own = starts[block]! + j - 1;
      // The first and the last token of a block are special ones and have no span in the text.
      if (j === 0 || j === count - 1) templateMass += mass;
      else masses[own] = masses[own]! + mass;
    }
    first += count;
  });
  const words = joinPieces(alignTokens(text, spellings), spellings, masses);
  for (const { start, end, mass } of words) if (end <= start) templateMass += mass;
  const spans = words
    .filter(({ start, end }) => end > start)
    .sort((a, b) => b.mass - a.mass || a.start - b.start);
  return { mass: spans.reduce((sum, { mass }) => sum + mass, templateMass), templateMass, spans };
}

/** The mass of a document whose state keeps only some of its tokens, or means of them: nobody knows their spans. */
export function toSpanless(tokenMasses: Float64Array): DocumentMass {
  const mass = tokenMasses.reduce((sum, each) => sum + each, 0);
  return { mass, templateMass: mass, spans: [] };
}

/** What a document got, and where. */
export interface DocumentMass {
  /** All of it. */
  readonly mass: number;
  /** On special tokens, on tokens that are not found in the text, and on all of a pruned state. */
  readonly templateMass: number;
  /** The rest by span, descending by mass. */
  readonly spans: Explanation['spans'];
}

function joinPieces(
  spans: readonly Span[],
  spellings: readonly string[],
  masses: Float64Array,
): { start: number; end: number; mass: number }[] {
  const words: { start: number; end: number; mass: number }[] = [];
  spans.forEach(({ start, end }, i) => {
    const word = words.at(-1);
    if (word && spellings[i]!.startsWith('##')) {
      word.end = Math.max(word.end, end);
      word.mass += masses[i]!;
    } else {
      words.push({ start, end, mass: masses[i]! });
    }
  });
  return words;
}
