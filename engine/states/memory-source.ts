/** Block states in memory: least recently used go first, bounded by bytes. */
import { LRUCache } from 'lru-cache';
import type { BlockState, StateKey } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { type CountedStateSource, StateTally } from './state-counts.ts';
import { stateName } from './state-name.ts';

/** Options of {@link memorySource}. */
export interface MemorySourceOptions {
  /** Most bytes of vectors that are kept; 0 keeps nothing. @defaultValue 268435456 (256 MiB) */
  readonly maxBytes?: number;
}

/** The default of {@link MemorySourceOptions.maxBytes}: about 1,300 documents of 128 tokens, or 170,000 anchors. */
export const defaultStateCacheBytes: number = 256 * 1024 * 1024;

/** Bytes that a state's vectors take. */
export function stateBytes(state: BlockState): number {
  return state.anchors.byteLength + (state.tokens?.byteLength ?? 0);
}

const optionNames: OptionNames<MemorySourceOptions> = {
  maxBytes: true,
};

/** A source that keeps states unrounded in this process; none is ever damaged or foreign. */
export function memorySource(options: MemorySourceOptions = {}): CountedStateSource {
  checkOptionNames('Cannot make the state memory', options, optionNames);
  const { maxBytes = defaultStateCacheBytes } = options;
  const states =
    maxBytes > 0
      ? new LRUCache<string, BlockState>({
          maxSize: maxBytes,
          sizeCalculation: (state) => Math.max(1, stateBytes(state)),
        })
      : undefined;
  const nameOf = (key: StateKey): string => stateName(key, '/');
  const tally = new StateTally();
  let isClosed = false;
  const assertOpen = (method: string): void => {
    if (isClosed) throw new TypeError(`${method}: the state source is closed.`);
  };
  return {
    get counts() {
      return tally.counts;
    },
    async getMany(keys) {
      assertOpen('getMany');
      return keys.map((key) => tally.answer(states?.get(nameOf(key))));
    },
    async putMany(entries) {
      assertOpen('putMany');
      for (const [key, state] of entries) states?.set(nameOf(key), state);
    },
    async close() {
      isClosed = true;
      states?.clear();
    },
  };
}
