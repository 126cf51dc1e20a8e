/** From attention of query tokens to spans of a document's text. */
import type { DocumentBlocks } from '../../blocks/document-blocks.ts';
import { alignTokens, type Span } from '../../blocks/spans.ts';
import type { BlockState, ExplainedSpan, Explanation } from '../../contract.ts';

/** Token vectors of one document, as a worker reads them. */
export type TokenState = Pick<BlockState, 'blockTokens'> & { readonly tokens: Float32Array };

/** Where the words of a document lie. */
export interface PlacedDocument {
  /** Tokens of each block, its two special ones included. */
  readonly blockTokens: readonly number[];
  /** Where each block starts among the document's own tokens. */
  readonly starts: readonly number[];
  /** Which of the words each own token belongs to. */
  readonly wordOf: Int32Array;
  /** The words in text order; empty where the text does not hold the token. */
  readonly words: readonly Span[];
}

/** Finds the words of a document's blocks in its text. @param spell - How the vocabulary spells a token. */
export function placeDocument(
  text: string,
  { blocks, starts }: Pick<DocumentBlocks, 'blocks' | 'starts'>,
  spell: (id: number) => string,
): PlacedDocument {
  const spellings: string[] = [];
  blocks.forEach((ids, block) => {
    ids.subarray(1, -1).forEach((id, j) => {
      spellings[starts[block]! + j] = spell(id);
    });
  });
  const joined = joinPieces(alignTokens(text, spellings), spellings);
  return { blockTokens: blocks.map(({ length }) => length), starts, ...joined };
}

/**
 * Mass of a document and of each of its words. Tokens that overlapping blocks share add up; pieces of one word are one
 * span.
 *
 * @param tokenMasses - Mass of each token of its blocks, blocks one after another: mean over the query's tokens of the
 * softmax over the whole list.
 */
export function toSpans(
  { blockTokens, starts, wordOf, words }: PlacedDocument,
  tokenMasses: Float64Array,
): DocumentMass {
  let templateMass = 0;
  const ownMasses = new Float64Array(wordOf.length);
  let first = 0;
  blockTokens.forEach((count, block) => {
    for (let j = 0; j < count; j += 1) {
      const mass = tokenMasses[first + j]!;
      const own = starts[block]! + j - 1;
      // The first and the last token of a block are special ones and have no span in the text.
      if (j === 0 || j === count - 1) templateMass += mass;
      else ownMasses[own] = ownMasses[own]! + mass;
    }
    first += count;
  });
  const masses = new Float64Array(words.length);
  ownMasses.forEach((mass, own) => {
    masses[wordOf[own]!]! += mass;
  });
  const spans: ExplainedSpan[] = [];
  words.forEach(({ start, end }, w) => {
    if (end > start) spans.push({ start, end, mass: masses[w]! });
    else templateMass += masses[w]!;
  });
  spans.sort((a, b) => b.mass - a.mass || a.start - b.start);
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
): Pick<PlacedDocument, 'wordOf' | 'words'> {
  const words: { start: number; end: number }[] = [];
  const wordOf = Int32Array.from(spans, ({ start, end }, i) => {
    const word = words.at(-1);
    if (word && spellings[i]!.startsWith('##')) word.end = Math.max(word.end, end);
    else words.push({ start, end });
    return words.length - 1;
  });
  return { wordOf, words };
}
