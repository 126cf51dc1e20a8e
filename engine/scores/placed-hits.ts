/** Signals that place hits: pins to the top, and caps on how many of one value stand there. */
import type { RankedCandidate, Ranking, Shortlist } from '../contract.ts';
import { inNewOrder } from './in-new-order.ts';
import { rankAmong } from './signal-functions.ts';
import type { SignalOptions } from './signal-options.ts';
import { keywordsOf } from './signal-values.ts';

/** What is known of a hit: its id and its signals. */
type Placed = Shortlist['candidates'][number];

/**
 * The ranking with the pinned hits first, by rule, then by their place in the rule's list, then as they stood.
 */
export function pinnedFirst(ranking: Ranking, shortlist: Shortlist, pins: readonly SignalOptions[]): Ranking {
  const keys = new Map(
    ranking.candidates.map(({ index }) => [index, pinKey(shortlist.candidates[index]!, pins)]),
  );
  const order = ranking.candidates.toSorted((a, b) => compare(keys.get(a.index)!, keys.get(b.index)!));
  return inNewOrder(ranking, order, 'pin');
}

/** Rule and place in its list; after all others where no rule names the hit. */
type PinKey = readonly [rule: number, place: number];

const unpinned: PinKey = [Number.POSITIVE_INFINITY, 0];

function pinKey(candidate: Placed, pins: readonly SignalOptions[]): PinKey {
  for (const [rule, { ids, field, values = [] }] of pins.entries()) {
    const place = ids ? ids.indexOf(candidate.docId) : rankAmong(candidate.signals?.[field!], values);
    if (place >= 0) return [rule, place];
  }
  return unpinned;
}

function compare(a: PinKey, b: PinKey): number {
  // Two infinite ranks have no difference.
  if (a[0] === b[0]) return a[1] - b[1];
  return a[0] < b[0] ? -1 : 1;
}

/**
 * The ranking with no more hits of one value in the first ranks than each cap allows: others follow after them, in
 * their order, and none is dropped. A hit of several values counts for each; a hit without one counts for none. Hits that a pin names are not
 * moved, and count. Where too few others are left to fill the first ranks, the best of those that wait fill them.
 */
export function capped(
  ranking: Ranking,
  shortlist: Shortlist,
  { caps, pins }: { readonly caps: readonly SignalOptions[]; readonly pins: readonly SignalOptions[] },
): Ranking {
  const waiting = [...ranking.candidates];
  const counts = caps.map(() => new Map<string, number>());
  const last = Math.min(
    waiting.length,
    caps.reduce((most, cap) => Math.max(most, withinOf(cap)), 0),
  );
  const order: RankedCandidate[] = [];
  const valuesOf = caps.map(({ field }) =>
    shortlist.candidates.map(({ signals }) => [...new Set(keywordsOf(signals?.[field!]))]),
  );
  const isAllowed = ({ index }: RankedCandidate): boolean =>
    pinKey(shortlist.candidates[index]!, pins) !== unpinned ||
    caps.every(
      (cap, c) =>
        order.length >= withinOf(cap) ||
        valuesOf[c]![index]!.every((value) => (counts[c]!.get(value) ?? 0) < cap.atMost!),
    );
  while (order.length < last) {
    const found = Math.max(0, waiting.findIndex(isAllowed));
    const [next] = waiting.splice(found, 1);
    order.push(next!);
    for (const c of caps.keys())
      for (const value of valuesOf[c]![next!.index]!) counts[c]!.set(value, (counts[c]!.get(value) ?? 0) + 1);
  }
  return inNewOrder(ranking, [...order, ...waiting], 'cap');
}

function withinOf({ within = defaultWithin }: SignalOptions): number {
  return within;
}

/** Leading ranks that a cap holds for by default. */
export const defaultWithin = 10;
