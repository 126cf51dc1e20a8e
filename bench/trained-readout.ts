/** What trained parts of the readout cost a request whose documents' states are there. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEncoderReranker } from '../engine/index.ts';
import { defaultModelFolder } from '../engine/model/folder.ts';
import { toHeadsFile } from '../engine/model/readout-heads.ts';
import { headShapes } from '../engine/readout/heads.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { documentsOf, question, shortlistOf } from './support/texts.ts';

const rounds = 9;
const documents = 100;
const tokens = 128;
const warmRuns = 10;
/** Parts as `blockrank train` fits them, and the projections that it may leave out. */
const sizes = { width: 384, readingRank: 32, anchorRank: 32, tokenRank: 32, listWidth: 16 };

export const trainedReadout: Bench = {
  about: `Reranking ${documents} known documents of ${tokens} tokens with every trained part, against none.`,
  async run() {
    const folder = await modelWithHeads();
    const options = { workers: threads, stateCacheBytes: 2 ** 30 };
    const [plain, trained] = await Promise.all([
      openEncoderReranker(options),
      openEncoderReranker({ ...options, model: folder }),
    ]);
    try {
      const texts = documentsOf(documents, tokens);
      let seed = 0;
      const ask = async (reranker: typeof plain): Promise<void> => {
        for (let run = 0; run < warmRuns; run += 1)
          await reranker.rerank(shortlistOf(question(seed++), texts));
      };
      await Promise.all([ask(plain), ask(trained)]);
      const { without, withHeads } = await alternate(rounds, {
        without: () => ask(plain),
        withHeads: () => ask(trained),
      });
      const ratio = medianRatio(withHeads, without);
      return {
        figures: {
          withoutMs: rounded(median(without) / warmRuns),
          withHeadsMs: rounded(median(withHeads) / warmRuns),
          addedMs: rounded((median(withHeads) - median(without)) / warmRuns),
          ratio: rounded(ratio),
        },
        checks: [atMost('time with trained parts / without', ratio, 1.5)],
      };
    } finally {
      await Promise.all([plain.close(), trained.close()]);
      await rm(folder, { recursive: true });
    }
  },
};

/** The shipped model with parts that change little: what they compute takes as long as what a training leaves. */
async function modelWithHeads(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-bench-'));
  await cp(defaultModelFolder(), folder, { recursive: true });
  const tensors = new Map(
    [...headShapes(sizes)].map(([name, shape]) => {
      const count = shape.reduce((product, axis) => product * axis, 1);
      const data = Float32Array.from({ length: count }, (_, i) => 0.01 * Math.sin(i));
      return [name, { shape, data }];
    }),
  );
  await writeFile(join(folder, 'heads.safetensors'), toHeadsFile(tensors));
  const manifest = JSON.parse(await readFile(join(folder, 'blockrank.json'), 'utf8')) as object;
  await writeFile(
    join(folder, 'blockrank.json'),
    JSON.stringify({ ...manifest, heads: 'heads.safetensors' }),
  );
  return folder;
}
