/** Block states on disk, in LMDB: kept between runs, shared by processes of one machine. */
import type { StateKey } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { encodeState } from './codec.ts';
import { LmdbStore } from './lmdb-store.ts';
import type { StateCodec } from './state-codec.ts';
import { type CountedStateSource, StateTally } from './state-counts.ts';
import { stateName } from './state-name.ts';

/** Options of {@link lmdbSource}. */
export interface LmdbSourceOptions {
  /** Folder of the database; made when it is not there. */
  readonly folder: string;
  /** How states are kept. @defaultValue all that a state has, in half precision */
  readonly codec?: StateCodec;
  /**
   * Called once, with a sentence, when the folder cannot be used or its file was damaged. @defaultValue a warning of
   * the process
   */
  readonly onWarning?: (message: string) => void;
}

const optionNames: OptionNames<LmdbSourceOptions> = {
  folder: true,
  codec: true,
  onWarning: true,
};

/**
 * A source that keeps states in a folder. A state that cannot be read is a miss, a state that cannot be kept is
 * dropped; the source counts both. Neither a damaged file nor a folder that cannot be written is an error: the file is
 * checked before it is mapped, moved aside where it is damaged (which counts as one damaged state), and begun anew.
 *
 * @throws ConfigurationError for an unknown option.
 */
export function lmdbSource(options: LmdbSourceOptions): CountedStateSource {
  checkOptionNames('Cannot open the state folder', options, optionNames);
  const { folder, codec, onWarning = warn } = options;
  const store = new LmdbStore(folder, onWarning);
  const nameOf = (key: StateKey): string => stateName(key, '/');
  const tally = new StateTally();
  if (store.wasDamaged) tally.damage();
  let closing: Promise<void> | undefined;
  const assertOpen = (method: string): void => {
    if (closing) throw new TypeError(`${method}: the state source is closed.`);
  };
  const bytesOf = (key: StateKey): Buffer | undefined => {
    try {
      return store.get(nameOf(key));
    } catch {
      tally.fail();
      return undefined;
    }
  };
  const keep = async (key: StateKey, bytes: Buffer): Promise<void> => {
    try {
      await store.put(nameOf(key), bytes);
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
      if (!store.isUsable) {
        tally.fail(keys.length);
        return keys.map(() => tally.answer(undefined));
      }
      return keys.map((key) => tally.read(bytesOf(key), key, codec));
    },
    async putMany(entries) {
      assertOpen('putMany');
      const encoded = entries.map(
        ([key, state]) => [key, Buffer.from(encodeState(key, state, codec).buffer)] as const,
      );
      const bytes = encoded.reduce((sum, [, one]) => sum + one.length, 0);
      if (store.isUsable && store.hasRoom(bytes)) await Promise.all(encoded.map((one) => keep(...one)));
      else tally.fail(entries.length);
    },
    close() {
      closing ??= store.close();
      return closing;
    },
  };
}

function warn(message: string): void {
  process.emitWarning(message, 'BlockRankWarning');
}
