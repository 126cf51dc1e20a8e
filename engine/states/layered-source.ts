/** Two state sources as one: a fast near one in front of a far one. */
import type { StateSource } from '../contract.ts';

/** Asks `near` first and `far` for the rest; keeps what `far` had in `near`, and new states in both. Closes both. */
export function layeredSource(near: StateSource, far: StateSource): StateSource {
  return {
    async getMany(keys) {
      const found = [...(await near.getMany(keys))];
      const missing = [...keys.keys()].filter((i) => !found[i]);
      if (missing.length === 0) return found;
      const fetched = await far.getMany(missing.map((i) => keys[i]!));
      missing.forEach((i, m) => {
        found[i] = fetched[m];
      });
      await near.putMany(missing.flatMap((i) => (found[i] ? [[keys[i]!, found[i]] as const] : [])));
      return found;
    },
    async putMany(entries) {
      await Promise.all([near.putMany(entries), far.putMany(entries)]);
    },
    async close() {
      await Promise.all([near.close(), far.close()]);
    },
  };
}
