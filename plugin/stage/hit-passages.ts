/** Gives the hits of a page what the request asked for of their explanations: all of it, or passages. */
import type { Page, RankedHit } from '../../adapters/adapter.ts';
import { type Shortlist, toPassages } from '../../engine/index.ts';
import type { Wish } from './search-options.ts';

/** What is asked of a page. */
export interface PageWish extends Pick<Wish, 'passages' | 'explain'> {
  /** Which hits are given back. */
  readonly page: Page;
}

/**
 * The hits of the window, those of the page with passages; explanations stay where they were asked for. A limit of
 * tokens in all counts the page alone, which is what the caller gets.
 *
 * @param hits - With explanations.
 */
export function withPassages(
  hits: readonly RankedHit[],
  { candidates }: Shortlist,
  { passages: options, explain, page: { from, size } }: PageWish,
): readonly RankedHit[] {
  const shown = options === false ? [] : hits.slice(from, from + size);
  const documents = shown.map(({ index, explanation }) => {
    const { text, segments } = candidates[index]!;
    return { text, segments, spans: explanation?.spans ?? [] };
  });
  const passages = options === false ? [] : toPassages(documents, options);
  return hits.map((hit, i) => {
    const { explanation: _, ...plain } = hit;
    const own = passages[i - from];
    return { ...(explain ? hit : plain), ...(own && { passages: own }) };
  });
}
