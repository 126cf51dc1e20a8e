/** Reranking cold with documents that see the query, against the same model without gates. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReranker, type Reranker } from '../engine/index.ts';
import { inContextTrainee } from '../engine/laboratory.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { documentsOf, question, shortlistOf } from './support/texts.ts';

const rounds = 5;
const documents = 100;
const tokens = 128;

export const inContext: Bench = {
  about: `Reranking ${documents} documents of ${tokens} tokens that see the query in the upper half of the layers, in turns with the cacheable profile, cold.`,
  takes: ['device'],
  async run(note, { device = 'cpu' }) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-in-context-'));
    const rerankers: Reranker[] = [];
    try {
      note('writing the model with gates');
      const trainee = await inContextTrainee();
      await trainee.save(join(folder, 'model'), trainee.tensors);
      await trainee.close();
      const shared = { device, workers: threads };
      const gated = await openReranker({ ...shared, model: join(folder, 'model') });
      rerankers.push(gated);
      const plain = await openReranker({ ...shared, stateCacheBytes: 0 });
      rerankers.push(plain);
      let seed = 0;
      const texts = documentsOf(documents, tokens);
      const ask = (reranker: Reranker) => (): Promise<unknown> =>
        reranker.rerank(shortlistOf(question(seed++), texts));
      const { cacheable, inContext: seen } = await alternate(rounds, {
        cacheable: ask(plain),
        inContext: ask(gated),
      });
      return {
        figures: {
          device,
          documents,
          tokens,
          cacheableMs: rounded(median(cacheable)),
          inContextMs: rounded(median(seen)),
        },
        checks: [atMost('in-context / cacheable, cold', medianRatio(seen, cacheable), 1.25)],
      };
    } finally {
      for (const reranker of rerankers) await reranker.close();
      await rm(folder, { recursive: true });
    }
  },
};
