/** The first run of an encoder's workers, before anyone waits for them. */
import type { BlockCaps } from '../../blocks/caps.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderWorkers } from './encoder-workers.ts';

/** Loads code paths, touches every weight, and fills the runtime's buffers: with one block in every worker. */
export async function warmUp(
  encoding: EncoderWorkers,
  caps: BlockCaps,
  { isProcessorAlone, batchTokens, processorPrecision, queryPrecision }: EncoderPlaces,
  workers: number,
): Promise<void> {
  const block = new Int32Array(caps.maxDocumentTokens).fill(1);
  const pair = [block, block];
  if (isProcessorAlone) await Promise.all(Array.from({ length: workers }, () => encoding.encode(pair, {})));
  else await warmUpDevice(encoding, pair, batchTokens / caps.maxDocumentTokens);
  // Blocks of documents say nothing to a session that runs queries alone.
  const queries = queryPrecision === processorPrecision ? 1 : workers;
  await Promise.all(Array.from({ length: queries }, () => encoding.encodeQuery({ text: 'warm up' })));
}

/** A device that takes longer than this for its largest batch, in milliseconds, is no card: it is not kept at it for nothing. */
const longestWarmUpMs = 5000;

/** A device chooses kernels and takes memory for the sizes that it meets: the least batch, then the largest. */
async function warmUpDevice(
  encoding: EncoderWorkers,
  pair: readonly Int32Array[],
  blocks: number,
): Promise<void> {
  await encoding.encode(pair, {});
  const start = performance.now();
  await encoding.encode(pair, {});
  const pairMs = performance.now() - start;
  if ((pairMs * blocks) / 2 > longestWarmUpMs) return;
  await encoding.encode(
    Array.from({ length: Math.max(2, Math.ceil(blocks)) }, () => pair[0]!),
    {},
  );
}
