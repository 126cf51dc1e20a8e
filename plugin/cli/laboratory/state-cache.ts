/** Keeps encoded documents on disk: a collection of any size is encoded once, and the next run finds the states. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defaultCacheFolder,
  lmdbSource,
  modelProfile,
  type RerankerOptions,
  stateCodec,
} from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/**
 * The cache in which a command keeps encoded documents: the given folder, by default one in the user's cache, and with
 * `false` (`--no-cache`) a folder that disappears with the run. New states take the stored form before they are used,
 * so that a measure does not depend on what the cache held before.
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

/** {@link stateCache} of a model that may be of any kind; nothing for one that keeps no states. */
export async function modelStateCache(
  context: CliContext,
  { model, cache }: { readonly model?: string | undefined; readonly cache?: string | boolean | undefined },
): Promise<Pick<RerankerOptions, 'stateSource' | 'stateCodec'>> {
  return (await modelProfile(model)) === 'cacheable' ? stateCache(context, cache) : {};
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
