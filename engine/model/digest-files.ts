/** Names the content of a model's files by a digest. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import { ModelFormatError } from '../errors.ts';

/** Digests that were computed before, by what was read and the files as they were then. */
const known = new LRUCache<string, string>({ max: 64 });
/** A file that was changed this shortly ago may change again within one tick of its clock, in milliseconds. */
const settledMs = 2000;

/**
 * SHA-256 of some text and the files' bytes, one after another, hexadecimal. Files that this process has read, and that
 * nobody wrote since, are not read again: a service opens its model for each residual, depth and reload.
 *
 * @throws ModelFormatError when a file cannot be read.
 */
export async function digestFiles(paths: readonly string[], text: string = ''): Promise<string> {
  const identity = await identityOf(paths);
  const key = identity && JSON.stringify([text, identity]);
  const before = key && known.get(key);
  if (before) return before;
  const hash = createHash('sha256').update(text);
  for (const path of paths) await addFile(hash, path);
  const digest = hash.digest('hex');
  if (key) known.set(key, digest);
  return digest;
}

/** What changes with any write to the files; undefined where one was written just now. */
async function identityOf(paths: readonly string[]): Promise<readonly string[] | undefined> {
  const identity: string[] = [];
  let isSettled = true;
  for (const path of paths) {
    const found = await stat(path, { bigint: true }).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(path, cause);
    });
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = found;
    isSettled &&= Date.now() - Number(ctimeMs) >= settledMs;
    identity.push([dev, ino, size, mtimeNs, ctimeNs].join(' '));
  }
  return isSettled ? identity : undefined;
}

async function addFile(hash: Hash, path: string): Promise<void> {
  await pipeline(createReadStream(path), hash, { end: false }).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause);
  });
}

const unreadable = (path: string, cause: NodeJS.ErrnoException): ModelFormatError =>
  new ModelFormatError({ path, expected: 'a readable file', found: cause.code ?? cause.message }, { cause });
