/** A folder with an LMDB database, made safe to open: LMDB answers damage and missing room with a signal, not an error. */
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lmdbDamage } from './lmdb-check.ts';

/** The result of {@link prepareLmdbFolder}. */
export interface PreparedFolder {
  /** Descriptor of the database's file: it shows when another process cuts the file short. The caller closes it. */
  readonly file: number;
  /** The fault of a damaged file that was moved aside, as the end of a sentence; absent when the file was sound. */
  readonly damage?: string;
}

const dataFile = 'data.mdb';
const lockFile = 'lock.mdb';
const sealFile = 'checked.json';
/** Bytes of the lock file; more than LMDB's table of readers takes: 126 of 64 bytes, and a head. */
const lockBytes = 16_384;

/** The path that a damaged file is moved to. */
export function asideFile(folder: string): string {
  return join(folder, `${dataFile}.damaged`);
}

/**
 * Makes the folder where there is none, and checks the file that LMDB will map. Moves a damaged file aside.
 *
 * @throws the system's error when the folder cannot be made, or its files cannot be written.
 */
export function prepareLmdbFolder(folder: string): PreparedFolder {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, dataFile);
  const file = openData(path);
  const damage = isSealed(folder, file) ? undefined : lmdbDamage(file);
  if (damage === undefined) {
    makeLock(folder);
    return { file };
  }
  closeSync(file);
  renameSync(path, asideFile(folder));
  // A process that has the old file open also has the old lock open, so the new file needs a new lock.
  rmSync(join(folder, lockFile), { force: true });
  makeLock(folder);
  return { file: openData(path), damage };
}

/**
 * Checks a closed file, and notes that it is sound, so that the next opening need not check it. The note holds until a
 * process changes the file, or the machine restarts, which may lose some of the writes.
 */
export function sealLmdbFolder(folder: string, file: number): void {
  const seal = sealOf(file);
  if (seal === undefined || isSealed(folder, file) || lmdbDamage(file) !== undefined) return;
  const path = join(folder, sealFile);
  const part = `${path}.${randomUUID()}.part`;
  try {
    writeFileSync(part, seal);
    renameSync(part, path);
  } catch {
    rmSync(part, { force: true }); // without the note the next opening checks the file
  }
}

function openData(path: string): number {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw Object.assign(new Error(`"${path}" is no file`), { code: 'ENOTFILE' });
}

/**
 * LMDB makes its lock file with holes and writes to it through memory: on a full disk that is a signal. An existing
 * file is never opened here: closing it would release the locks that this process holds on it.
 */
function makeLock(folder: string): void {
  const path = join(folder, lockFile);
  if (existsSync(path)) {
    accessSync(path, constants.R_OK | constants.W_OK);
    return;
  }
  try {
    writeFileSync(path, Buffer.alloc(lockBytes), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return; // another process made the file meanwhile
    rmSync(path, { force: true });
    throw error;
  }
}

function isSealed(folder: string, file: number): boolean {
  try {
    return readFileSync(join(folder, sealFile), 'utf8') === sealOf(file);
  } catch {
    return false; // without a seal the file is checked
  }
}

/**
 * A text that changes with every write to the file and every start of the machine; `undefined` where the machine's
 * start has no id.
 */
function sealOf(file: number): string | undefined {
  const start = machineStart();
  if (start === undefined) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(file, { bigint: true });
  return JSON.stringify([start, dev, ino, size, mtimeNs, ctimeNs].map(String));
}

function machineStart(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined; // not Linux: the file is checked every time
  }
}
