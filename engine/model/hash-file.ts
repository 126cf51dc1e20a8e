/** Reads files of a model into its digest. */
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ModelFormatError } from '../errors.ts';

/** Adds a file's bytes to a hash, which stays open. @throws ModelFormatError when the file cannot be read. */
export async function hashFile(hash: Hash, path: string): Promise<void> {
  await pipeline(createReadStream(path), hash, { end: false }).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelFormatError(
      { path, expected: 'a readable file', found: cause.code ?? cause.message },
      { cause },
    );
  });
}
