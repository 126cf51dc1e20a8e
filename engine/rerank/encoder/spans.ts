/** From attention of query tokens to spans of a document's text. */
import { alignTokens, type Span } from '../../blocks/spans.ts';
import type { BlockState, Explanation } from '../../contract.ts';
import { dotRows } from '../../readout/vectors.ts';

/** Token vectors of one document, as a worker reads them. */
export type TokenState = Pick<BlockState, 'blockTokens'> & { readonly tokens: Float32Array };

/** The query's part in an explanation. */
export interface SpanQuery {
  /** The query's own words, shape `[Q, width]`. */
  readonly tokens: Float32Array;
  /** Values a vector. */
  readonly width: number;
  /** Temperature of the token head. */
  readonly tau: number;
  /** Log of each query token's normaliser over the whole list, shape `[Q]`. */
  readonly totals: Float64Array;
}

/** A document's own tokens: how the vocabulary spells them, and where each block starts among them. */
export interface SpelledDocument {
  readonly text: string;
  readonly spellings: readonly string[];
  readonly starts: readonly number[];
}

/**
 * Mass of a document and of each of its spans: mean over the query's tokens of the softmax over the whole list.
 * Tokens that overlapping blocks share add up; pieces of one word are one span.
 */
export function toSpans(
  state: TokenState,
  { text, spellings, starts }: SpelledDocument,
  query: SpanQuery,
): DocumentMass {
  let templateMass = 0;
  const masses = new Float64Array(spellings.length);
  let first = 0;
  state.blockTokens.forEach((count, block) => {
    for (let j = 0; j < count; j += 1) {
      const mass = tokenMass(state.tokens, first + j, query);
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
export function toSpanless({ blockTokens, tokens }: TokenState, query: SpanQuery): DocumentMass {
  const count = blockTokens.reduce((sum, each) => sum + each, 0);
  let mass = 0;
  for (let row = 0; row < count; row += 1) mass += tokenMass(tokens, row, query);
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

function tokenMass(rows: Float32Array, row: number, { tokens, width, tau, totals }: SpanQuery): number {
  let mass = 0;
  for (let i = 0; i < totals.length; i += 1) {
    mass += Math.exp(dotRows({ rows: tokens, row: i }, { rows, row }, width) / tau - totals[i]!);
  }
  return mass / totals.length;
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
