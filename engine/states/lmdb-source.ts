/** Block states on disk, in LMDB: kept between runs, shared by processes of one machine. */
import { createRequire } from 'node:module';
import type { BlockState, StateKey } from '../contract.ts';
import { encodeState } from './codec.ts';
import type { StateCodec } from './state-codec.ts';
import { type CountedStateSource, StateTally } from './state-counts.ts';
import { stateName } from './state-name.ts';

/** Options of {@link lmdbSource}. */
export interface LmdbSourceOptions {
  /** Folder of the database; made when it is not there. */
  readonly folder: string;
  /** How states are kept. @defaultValue all that a state has, in half precision */
  readonly codec?: StateCodec;
}

/** The package opens its native part as it is loaded, so it is loaded with the first source. */
const loadLmdb = (): typeof import('lmdb') => createRequire(import.meta.url)('lmdb');

/** Keeps states in a folder. What cannot be read is a miss, what cannot be kept is dropped; both are counted. */
export function lmdbSource({ folder, codec }: LmdbSourceOptions): CountedStateSource {
  const { open } = loadLmdb();
  const database = open<Buffer, string>({ path: folder, encoding: 'binary', noSync: true });
  const nameOf = (key: StateKey): string => stateName(key, '/');
  const tally = new StateTally();
  let closing: Promise<void> | undefined;
  const assertOpen = (method: string): void => {
    if (closing) throw new TypeError(`${method}: the state source is closed.`);
  };
  const bytesOf = (key: StateKey): Buffer | undefined => {
    try {
      return database.getBinary(nameOf(key));
    } catch {
      tally.fail();
      return undefined;
    }
  };
  const keep = async (key: StateKey, state: BlockState): Promise<void> => {
    const bytes = Buffer.from(encodeState(key, state, codec).buffer);
    try {
      await database.put(nameOf(key), bytes);
    } catch {
      tally.fail();
    }
  };
  return {
    get counts() {
      return tally.counts;
    },
    async getMany(keys) {
      assertOpen('getMany');
      return keys.map((key) => tally.read(bytesOf(key), key, codec));
    },
    async putMany(entries) {
      assertOpen('putMany');
      await Promise.all(entries.map(([key, state]) => keep(key, state)));
    },
    close() {
      closing ??= database.close();
      return closing;
    },
  };
}
