/** Cold encoding against the model's own matrix products. */
import { type EncoderReranker, openEncoderReranker } from '../engine/index.ts';
import type { EncoderConfig } from '../engine/network/encoder-config.ts';
import { openProgram } from '../engine/session/open-program.ts';
import { toBatches } from '../engine/states/batches.ts';
import { atLeast, type Bench, hasAvx512, rounded, threads } from './support/bench.ts';
import { openDefaultModel } from './support/default-model.ts';
import { alternate, type Contender, median, medianRatio } from './support/measure.ts';
import type { ProductsData, ProductsTask } from './support/products-program.ts';
import { passages, question, shortlistOf } from './support/texts.ts';

const rounds = 7;
const documents = 200;
/** The engine's default; the products are run at the shapes that it gives. */
const batchTokens = 384;

export const encode: Bench = {
  about: 'Cold encoding of passages, tokenising and scheduling included, against its matrix products alone.',
  takes: ['device'],
  async run(_note, { device = 'cpu' }) {
    const { source, texts } = passages(documents);
    const options = { stateCacheBytes: 0, device, workers: threads, batchTokens };
    const fp32 = await openEncoderReranker({ ...options, precision: 'fp32' });
    // Only a processor multiplies 8-bit integers.
    const int8 = device === 'cpu' ? await openEncoderReranker({ ...options, precision: 'int8' }) : undefined;
    const { config } = await openDefaultModel();
    const data: ProductsData = { config, provider: device };
    const pool = await openProgram<ProductsTask, null>(
      {
        program: new URL('./support/products-program.ts', import.meta.url),
        data,
        executionProvider: device,
      },
      threads,
    );
    try {
      const lengths = await blockLengths(fp32, texts);
      const shapes = toBatches(lengths, { batchTokens, workers: threads }).map((batch) => ({
        blocks: batch.length,
        tokens: Math.max(...batch.map((index) => lengths[index]!)),
      }));
      let seed = 0;
      const cold = (reranker: EncoderReranker) => () => reranker.encode(shortlistOf(question(seed++), texts));
      const contenders: Record<string, Contender> = {
        fp32: cold(fp32),
        products: () => Promise.all(shapes.map((shape) => pool.run(shape))),
        ...(int8 && { int8: cold(int8) }),
      };
      const { fp32: whole = [], products = [], int8: integers } = await alternate(rounds, contenders);
      const share = medianRatio(products, whole);
      const tokens = lengths.reduce((sum, length) => sum + length, 0);
      const flops = shapes.reduce((sum, shape) => sum + productFlops(config, shape), 0);
      const perSecond = (each: readonly number[]): number => Math.round((tokens / median(each)) * 1000);
      return {
        figures: {
          device,
          documents: { source, count: documents, tokens },
          shareOfProducts: rounded(share),
          tokensPerSecond: { fp32: perSecond(whole), ...(integers && { int8: perSecond(integers) }) },
          productsGFlopPerSecond: rounded(flops / median(products) / 1e6),
          ...(integers && { int8OverFp32: rounded(medianRatio(whole, integers)) }),
        },
        checks: [
          atLeast('fp32 encoding, share of the products alone', share, hasAvx512() === true ? 0.85 : 0.9),
        ],
      };
    } finally {
      await Promise.all([fp32.close(), int8?.close(), pool.close()]);
    }
  },
};

async function blockLengths(reranker: EncoderReranker, texts: readonly string[]): Promise<number[]> {
  const { states } = await reranker.encode(shortlistOf('lengths', texts));
  return states.flatMap(({ blockTokens }) => blockTokens);
}

/** Floating-point operations of a batch's matrix products: projections, feed-forward, attention. */
function productFlops(
  { width: W, innerWidth: F, layers }: EncoderConfig,
  { blocks, tokens }: ProductsTask,
): number {
  const T = blocks * tokens;
  return layers * 2 * T * (4 * W * W + 2 * W * F + 2 * tokens * W);
}
