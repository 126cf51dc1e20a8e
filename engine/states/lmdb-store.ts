/**
 * An LMDB database that cannot end the process: a file that cannot be opened, or is cut short meanwhile, keeps nothing.
 */
import { closeSync, fstatSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { RootDatabase } from 'lmdb';
import { asideFile, prepareLmdbFolder, sealLmdbFolder } from './lmdb-folder.ts';

/** Room on the disk that the store leaves free, in bytes; LMDB's own pages may use it too. */
const roomLeftBytes = 4 * 1024 * 1024;

/** The package opens its native part as it is loaded, so it is loaded with the first store. */
const loadLmdb = (): typeof import('lmdb') => createRequire(import.meta.url)('lmdb');

/** Bytes by name, in a folder. */
export class LmdbStore {
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  readonly #opened: { readonly database: RootDatabase<Buffer, string>; readonly file: number } | undefined;
  #bytes = 0;
  #isCut = false;
  #wasFull = false;

  /** Whether a damaged file was moved aside. */
  readonly wasDamaged: boolean;

  constructor(folder: string, warn: (message: string) => void) {
    this.#folder = folder;
    this.#warn = warn;
    try {
      const { file, damage } = prepareLmdbFolder(folder);
      const { open } = loadLmdb();
      const database = open<Buffer, string>({
        path: folder,
        noSubdir: false, // a name with a dot would be a file's
        encoding: 'binary',
        noSync: true,
        eventTurnBatching: false, // a batch has a promise whose rejection cannot be caught when the disk is full
      });
      this.#opened = { database, file };
      this.wasDamaged = damage !== undefined;
      if (damage !== undefined) {
        warn(
          `The block states in "${folder}" are damaged (${damage}); the file is now "${asideFile(folder)}", and states are encoded and kept anew.`,
        );
      }
    } catch (error) {
      this.wasDamaged = false;
      warn(
        `Block states are not kept in "${folder}" (${reasonOf(error)}): documents are encoded anew instead. Set stateFolder to a folder that this user can write.`,
      );
    }
  }

  /** Whether the store can read and keep bytes. */
  get isUsable(): boolean {
    if (!this.#opened || this.#isCut) return false;
    const { size } = fstatSync(this.#opened.file);
    // LMDB never makes a file shorter, and reading behind a file's end is a signal.
    if (size >= this.#bytes) {
      this.#bytes = size;
      return true;
    }
    this.#isCut = true;
    this.#warn(
      `The block states in "${this.#folder}" were cut short while they were in use: no more are read or kept there until the next start.`,
    );
    return false;
  }

  /** Whether the disk has room for more bytes; LMDB would print its own failure to the console, again and again. */
  hasRoom(bytes: number): boolean {
    if (freeBytes(this.#folder) >= bytes + roomLeftBytes) return true;
    if (!this.#wasFull) {
      this.#warn(`Block states are not kept in "${this.#folder}" any more: the disk is full.`);
    }
    this.#wasFull = true;
    return false;
  }

  /** The bytes of a name. Call only while {@link isUsable}. */
  get(name: string): Buffer | undefined {
    return this.#opened?.database.getBinary(name);
  }

  /** Keeps bytes under a name. Call only while {@link isUsable}. @throws LMDB's error when the disk is full. */
  async put(name: string, bytes: Buffer): Promise<void> {
    try {
      await this.#opened?.database.put(name, bytes);
    } catch (error) {
      // The cause is a separate promise, which rejects for every failed transaction.
      await (error as { commitError?: Promise<unknown> }).commitError?.catch(() => undefined);
      throw error;
    }
  }

  /** Ends every write, and closes the files. */
  async close(): Promise<void> {
    if (!this.#opened) return;
    const { database, file } = this.#opened;
    // Closing touches the head of the file: where that is gone, the process's end closes it.
    if (this.isUsable) {
      await database.close();
      sealLmdbFolder(this.#folder, file);
    }
    closeSync(file);
  }
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // the folder may be gone while its files are still open: LMDB will report it
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
