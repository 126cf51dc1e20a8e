/** Block states on disk, in LMDB: kept between runs, shared by processes of one machine. */
import { open } from 'lmdb';
import type { StateKey, StateSource } from '../contract.ts';
import { decodeState, encodeState } from './codec.ts';

/** Options of {@link lmdbSource}. */
export interface LmdbSourceOptions {
  /** Folder of the database; made when it is not there. */
  readonly folder: string;
}

/** A state source that also counts what it could not read. */
export interface LmdbSource extends StateSource {
  /** Values that were there and damaged, or of another version; they are encoded anew. */
  readonly damaged: number;
}

/** Keeps states in a folder, in half precision. */
export function lmdbSource({ folder }: LmdbSourceOptions): LmdbSource {
  const database = open<Buffer, string>({ path: folder, encoding: 'binary', noSync: true });
  const nameOf = ({ encodingDigest, textDigest }: StateKey): string => `${encodingDigest}/${textDigest}`;
  let damaged = 0;
  let closing: Promise<void> | undefined;
  const assertOpen = (method: string): void => {
    if (closing) throw new TypeError(`${method}: the state source is closed.`);
  };
  return {
    get damaged() {
      return damaged;
    },
    async getMany(keys) {
      assertOpen('getMany');
      return keys.map((key) => {
        const bytes = database.getBinary(nameOf(key));
        const state = bytes && decodeState(bytes);
        if (bytes && !state) damaged += 1;
        return state;
      });
    },
    async putMany(entries) {
      assertOpen('putMany');
      await Promise.all(
        entries.map(([key, state]) => database.put(nameOf(key), Buffer.from(encodeState(state)))),
      );
    },
    close() {
      closing ??= database.close();
      return closing;
    },
  };
}
