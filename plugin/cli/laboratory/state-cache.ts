/** Encoded documents on disk: a collection of any size is encoded once, and the next run finds it. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheFolder, lmdbSource, type RerankerOptions, stateCodec } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/**
 * Where a command keeps encoded documents: in the folder that it was given, in the one in the user's cache where none is
 * given, and with `false` (`--no-cache`) in one that is gone with the run. New states are given the form that is kept, so
 * that a measure does not depend on what was there before.
 */
export function stateCache(
  { env }: CliContext,
  folder: string | boolean | undefined,
): Required<Pick<RerankerOptions, 'stateSource' | 'stateCodec'>> {
  const codec = stateCodec('tokens-fp16');
  if (folder === false) return { stateCodec: codec, stateSource: shortLived(codec) };
  const path = typeof folder === 'string' ? folder : join(defaultCacheFolder(env), 'states');
  return { stateCodec: codec, stateSource: lmdbSource({ folder: path, codec }) };
}

function shortLived(codec: ReturnType<typeof stateCodec>): ReturnType<typeof lmdbSource> {
  const folder = mkdtempSync(join(tmpdir(), 'blockrank-run-'));
  const source = lmdbSource({ folder, codec });
  return {
    get counts() {
      return source.counts;
    },
    getMany: (keys) => source.getMany(keys),
    putMany: (entries) => source.putMany(entries),
    async close() {
      await source.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
