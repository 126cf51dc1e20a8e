/** Copies of weights in the cache: made once, and checked before every use. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheAdvice, temporaryCacheFolder } from '../cache-folder.ts';
import { ConfigurationError } from '../errors.ts';
import { fileDigest } from './file-digest.ts';

/** A copy to find or make. */
export interface WantedCopy {
  /** Folder of the copy. */
  readonly folder: string;
  /** File name of the copy, which names its content. */
  readonly name: string;
  /** Writes the copy to a path that no other process knows. */
  readonly write: (path: string) => Promise<void>;
}

/**
 * The folder in which the copy lies. An existing copy is used when the digest of its bytes is right or, without reading
 * it, when the file has not changed since the last check. Otherwise the copy is written anew. Several processes may do
 * so at the same time. Where the folder cannot be written, the copy goes to this user's temporary folder, with a
 * process warning.
 *
 * @throws ConfigurationError when neither folder can be written.
 */
export async function cachedCopy(wanted: WantedCopy): Promise<string> {
  const { folder, name } = wanted;
  if (await isSound(join(folder, name))) return folder;
  try {
    return await makeCopy(wanted);
  } catch (cause) {
    if (!isRefusal(cause, folder)) throw cause;
    const other = temporaryCacheFolder();
    if (other === folder) throw refused(folder, cause);
    process.emitWarning(
      `The cache folder "${folder}" takes no copy of the weights (${cause.code}); it is kept in "${other}".`,
      'BlockRankWarning',
    );
    return otherCopy({ ...wanted, folder: other });
  }
}

async function otherCopy(wanted: WantedCopy): Promise<string> {
  if (await isSound(join(wanted.folder, wanted.name))) return wanted.folder;
  return makeCopy(wanted).catch((cause: unknown) => {
    throw isRefusal(cause, wanted.folder) ? refused(wanted.folder, cause) : cause;
  });
}

/** Makes the copy; readers see the whole file or none. */
async function makeCopy({ folder, name, write }: WantedCopy): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  const part = `${path}.${randomUUID()}.part`;
  try {
    await write(part);
    const file = await open(part, 'r+');
    await file.sync().finally(() => file.close());
    const digest = await fileDigest(part);
    await rename(part, path);
    await seal(path, digest);
  } finally {
    await rm(part, { force: true });
  }
  return folder;
}

/** The note beside a copy: the digest of its bytes, and the state of the file at the last check. */
interface Seal {
  readonly sha256: string;
  readonly file: string;
}

async function isSound(path: string): Promise<boolean> {
  const noted = await readSeal(path);
  if (!noted) return false;
  const file = await stateOf(path);
  if (file === undefined) return false;
  if (noted.file === file) return true;
  if ((await fileDigest(path).catch(() => undefined)) !== noted.sha256) return false;
  await seal(path, noted.sha256).catch(() => undefined); // a cache that cannot be written is read each time
  return true;
}

async function readSeal(path: string): Promise<Seal | undefined> {
  try {
    return JSON.parse(await readFile(`${path}.seal`, 'utf8')) as Seal;
  } catch {
    return undefined; // no note, or none that can be read: the copy is made anew
  }
}

async function seal(path: string, sha256: string): Promise<void> {
  const noted = { sha256, file: await stateOf(path) };
  const part = `${path}.${randomUUID()}.part`;
  await writeFile(part, JSON.stringify(noted));
  await rename(part, `${path}.seal`);
}

/** A text that changes with every write to a file. */
async function stateOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join('/');
}

/** Error codes of a folder that cannot be written. */
const refusals = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENOENT'];

/** Whether the folder failed, and not the weights that were read. */
function isRefusal(error: unknown, folder: string): error is NodeJS.ErrnoException {
  const { code = '', path = folder } = error as NodeJS.ErrnoException;
  return refusals.includes(code) && path.startsWith(folder);
}

function refused(folder: string, cause: NodeJS.ErrnoException): ConfigurationError {
  const message = `"${folder}" takes no copy of the weights (${cause.code}); ${cacheAdvice}`;
  return new ConfigurationError('Cannot open the model', [{ path: 'cacheFolder', message }], { cause });
}
