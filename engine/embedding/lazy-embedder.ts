/** An embedder that reads nothing before it is asked. */
import type { Embedder } from '../contract.ts';
import { type EmbedderOptions, openEmbedder } from './embedder.ts';

/** As `openEmbedder`, opened by the first call. A call that cannot open it rejects, and the next one tries again. */
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
