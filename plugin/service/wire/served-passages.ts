/** The passages of an answer's documents, for the forms that have room for them. */
import { type Passage, toPassages } from '../../../engine/index.ts';
import type { Answer } from '../ask.ts';
import { servedEntries } from './wire-form.ts';

/**
 * Passages of each entry by the document's index; empty where the request asked for none, or nothing was ranked. A limit
 * of tokens in all counts the entries of the answer alone.
 */
export function servedPassages(answer: Answer): ReadonlyMap<number, readonly Passage[]> {
  const { ask, ranking } = answer;
  if (!ask.passages || !ranking) return new Map();
  const explained = new Map(ranking.candidates.map(({ index, explanation }) => [index, explanation]));
  const indices = servedEntries(answer).map(({ index }) => index);
  const passages = toPassages(
    indices.map((index) => ({
      text: ask.documents[index]!.text,
      segments: [],
      spans: explained.get(index)?.spans ?? [],
    })),
    ask.passages,
  );
  return new Map(indices.map((index, i) => [index, passages[i]!]));
}

/** A document cut down to its passages. */
export function prunedText(text: string, passages: readonly Passage[]): string {
  return passages.map(({ start, end }) => text.slice(start, end)).join(' ');
}
