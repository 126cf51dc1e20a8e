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

/** What {@link prepareLmdbFolder} found. */
export interface PreparedFolder {
  /** Descriptor of the database's file: it shows when somebody cuts the file short. The caller closes it. */
  readonly file: number;
  /** What was wrong with the file that lay there, as the end of a sentence; that file was moved aside. */
  readonly damage?: string;
}

const dataFile = 'data.mdb';
const lockFile = 'lock.mdb';
const sealFile = 'checked.json';
/** More than LMDB's table of readers takes: 126 of 64 bytes, and a head. */
const lockBytes = 16_384;

/** Where a file goes that LMDB cannot read any more. */
export function asideFile(folder: string): string {
  return join(folder, `${dataFile}.damaged`);
}

/**
 * Makes the folder where there is none, and checks what LMDB is going to map. A damaged file is moved aside.
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
  // A process that has the old file open has the old lock open, too: the new file needs a lock of its own.
  rmSync(join(folder, lockFile), { force: true });
  makeLock(folder);
  return { file: openData(path), damage };
}

/**
 * Looks at a file that is closed, and notes where it is sound: then the next opening need not look at it. The note holds
 * until somebody changes the file, or the machine starts anew, after which some of what was written may be missing.
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
    rmSync(part, { force: true }); // without the note the next opening looks at the file
  }
}

function openData(path: string): number {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw Object.assign(new Error(`"${path}" is no file`), { code: 'ENOTFILE' });
}

/**
 * LMDB makes its lock file with holes and writes to it through memory: on a full disk that is a signal. A file that is
 * there is never opened here: closing it would give away the locks that this process holds on it.
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
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return; // another process made it meanwhile
    rmSync(path, { force: true });
    throw error;
  }
}

function isSealed(folder: string, file: number): boolean {
  try {
    return readFileSync(join(folder, sealFile), 'utf8') === sealOf(file);
  } catch {
    return false; // without a seal the file is looked at
  }
}

/** What changes with every write to the file; undefined where the machine's start has no name. */
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
    return undefined; // not Linux: the file is looked at every time
  }
}
