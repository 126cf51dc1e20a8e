/** A part of a shortlist as a list of its own. */
import type { Shortlist } from '../contract.ts';

/** The candidates at these indices, in their order; pinned ones among them stay pinned. */
export function partOfList(shortlist: Shortlist, indices: readonly number[]): Shortlist {
  const kept = shortlist.pinned?.map((index) => indices.indexOf(index)).filter((place) => place >= 0);
  return {
    ...shortlist,
    candidates: indices.map((index) => shortlist.candidates[index]!),
    ...(kept && { pinned: kept }),
  };
}
