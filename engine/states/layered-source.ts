/** Joins two state sources: a fast near one in front of a far one. */
import type { StateSource } from '../contract.ts';
import { type CountedStateSource, type StateCounts, StateTally } from './state-counts.ts';

/**
 * A source that asks `near` first and `far` for the rest; it keeps the states of `far` in `near`, and new states in
 * both. Closing closes both.
 *
 * A state is missed where neither has it; its counts include the damaged, foreign and failed states of both, where they
 * count.
 */
export function layeredSource(near: StateSource, far: StateSource): CountedStateSource {
  const tally = new StateTally();
  let closing: Promise<void> | undefined;
  const assertOpen = (method: string): void => {
    if (closing) throw new TypeError(`${method}: the state source is closed.`);
  };
  return {
    get counts() {
      const layers = [near, far].map(countsOf);
      const sum = (name: keyof StateCounts): number =>
        layers.reduce((total, counts) => total + (counts?.[name] ?? 0), 0);
      return { ...tally.counts, damaged: sum('damaged'), foreign: sum('foreign'), failed: sum('failed') };
    },
    async getMany(keys) {
      assertOpen('getMany');
      const found = [...(await near.getMany(keys))];
      const missing = [...keys.keys()].filter((i) => !found[i]);
      if (missing.length > 0) {
        const fetched = await far.getMany(missing.map((i) => keys[i]!));
        missing.forEach((i, m) => {
          found[i] = fetched[m];
        });
        await near.putMany(missing.flatMap((i) => (found[i] ? [[keys[i]!, found[i]] as const] : [])));
      }
      for (const state of found) tally.answer(state);
      return found;
    },
    async putMany(entries) {
      assertOpen('putMany');
      await Promise.all([near.putMany(entries), far.putMany(entries)]);
    },
    close() {
      closing ??= Promise.all([near.close(), far.close()]).then(() => undefined);
      return closing;
    },
  };
}

function countsOf(source: StateSource): StateCounts | undefined {
  return (source as Partial<CountedStateSource>).counts;
}
