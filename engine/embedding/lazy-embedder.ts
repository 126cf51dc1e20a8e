/** An embedder that reads nothing before its first call. */
import type { Embedder } from '../contract.ts';
import { type EmbedderOptions, openEmbedder } from './embedder.ts';

/**
 * An embedder as of `openEmbedder`, opened by its first call. A call that cannot open it rejects, and the next call
 * tries again.
 */
export function lazyEmbedder(options: EmbedderOptions): Embedder {
  let opened: Promise<Embedder> | undefined;
  const open = (): Promise<Embedder> => {
    opened ??= openEmbedder(options).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return { embed: async (texts, call) => (await open()).embed(texts, call) };
}
