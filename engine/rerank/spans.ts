/** From attention of query tokens to places in a document's text. */

import { alignTokens, type Span } from '../blocks/spans.ts';
import type { Explanation } from '../contract.ts';
import { dotRows } from '../readout/vectors.ts';
import type { TokenState } from './encoder-workers.ts';

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

/** Masses below this share of the heaviest are left out. */
const leastShare = 0.01;

/**
 * Mass of each place of a document, descending: mean over the query's tokens of the softmax over the whole list.
 * Tokens that overlapping blocks share add up; pieces of one word are one place.
 */
export function toSpans(
  state: TokenState,
  { text, spellings, starts }: SpelledDocument,
  query: SpanQuery,
): Explanation['spans'] {
  const masses = new Float64Array(spellings.length);
  let first = 0;
  state.blockTokens.forEach((count, block) => {
    // The first and the last token of a block are special ones and have no place in the text.
    for (let j = 1; j < count - 1; j += 1) {
      const own = starts[block]! + j - 1;
      masses[own] = (masses[own] ?? 0) + tokenMass(state.tokens, first + j, query);
    }
    first += count;
  });
  const places = joinPieces(alignTokens(text, spellings), spellings, masses);
  const heaviest = Math.max(0, ...places.map(({ mass }) => mass));
  return places
    .filter(({ start, end, mass }) => end > start && mass > leastShare * heaviest)
    .sort((a, b) => b.mass - a.mass || a.start - b.start);
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
  const places: { start: number; end: number; mass: number }[] = [];
  spans.forEach(({ start, end }, i) => {
    const word = places.at(-1);
    if (word && spellings[i]!.startsWith('##')) {
      word.end = Math.max(word.end, end);
      word.mass += masses[i]!;
    } else {
      places.push({ start, end, mass: masses[i]! });
    }
  });
  return places;
}
