/** Cold encoding against the model's own matrix products. */
import { type EncoderReranker, openEncoderReranker } from '../engine/index.ts';
import type { EncoderConfig } from '../engine/network/encoder-config.ts';
import { openProgram } from '../engine/session/open-program.ts';
import { toBatches } from '../engine/states/batches.ts';
import { atLeast, type Bench, hasAvx512, rounded, threads } from './support/bench.ts';
import { openDefaultModel } from './support/default-model.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import type { ProductsTask } from './support/products-program.ts';
import { passages, question, shortlistOf } from './support/texts.ts';

const rounds = 7;
const documents = 200;
/** The engine's default; the products are run at the shapes that it gives. */
const batchTokens = 384;

export const encode: Bench = {
  about: 'Cold encoding of passages, tokenising and scheduling included, against its matrix products alone.',
  async run() {
    const { source, texts } = passages(documents);
    const options = { stateCacheBytes: 0, workers: threads, batchTokens };
    const fp32 = await openEncoderReranker(options);
    const int8 = await openEncoderReranker({ ...options, precision: 'int8' });
    const { config } = await openDefaultModel();
    const pool = await openProgram<ProductsTask, null>(
      {
        program: new URL('./support/products-program.ts', import.meta.url),
        data: config,
        executionProvider: fp32.info.executionProvider,
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
      const times = await alternate(rounds, {
        fp32: cold(fp32),
        products: () => Promise.all(shapes.map((shape) => pool.run(shape))),
        int8: cold(int8),
      });
      const share = medianRatio(times.products, times.fp32);
      const tokens = lengths.reduce((sum, length) => sum + length, 0);
      const flops = shapes.reduce((sum, shape) => sum + productFlops(config, shape), 0);
      const perSecond = (each: readonly number[]): number => Math.round((tokens / median(each)) * 1000);
      return {
        figures: {
          documents: { source, count: documents, tokens },
          shareOfProducts: rounded(share),
          tokensPerSecond: { fp32: perSecond(times.fp32), int8: perSecond(times.int8) },
          productsGFlopPerSecond: rounded(flops / median(times.products) / 1e6),
          int8OverFp32: rounded(medianRatio(times.fp32, times.int8)),
        },
        checks: [
          atLeast('fp32 encoding, share of the products alone', share, hasAvx512() === true ? 0.85 : 0.9),
        ],
      };
    } finally {
      await Promise.all([fp32.close(), int8.close(), pool.close()]);
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
