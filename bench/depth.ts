/** Reranking cold at each depth of the model that comes with the package, against its full depth. */
import { type EncoderReranker, inspectModel, openEncoderReranker } from '../engine/index.ts';
import { defaultModelFolder } from '../engine/model/folder.ts';
import { atLeast, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { passages, question, shortlistOf } from './support/texts.ts';

/** Many short runs in turns: on a machine that others use too, a long one meets more of their work. */
const rounds = 60;
const documents = 20;

export const depth: Bench = {
  about: `Reranking ${documents} passages cold at each depth, in turns with the full depth.`,
  takes: ['device'],
  async run(_note, { device = 'cpu' }) {
    const { layers, depths = [] } = await inspectModel(defaultModelFolder());
    const rerankers = new Map<number, EncoderReranker>();
    try {
      for (const at of [layers, ...depths.map((each) => each.layers)]) {
        const options = { device, workers: threads, stateCacheBytes: 0, depth: at };
        rerankers.set(at, await openEncoderReranker(options));
      }
      const { source, texts } = passages(documents);
      let seed = 0;
      const contenders = [...rerankers].map(([at, reranker]) => {
        const run = (): Promise<unknown> => reranker.rerank(shortlistOf(question(seed++), texts));
        return [String(at), run] as const;
      });
      const times = await alternate(rounds, Object.fromEntries(contenders));
      const full = times[layers]!;
      const fasterAt = (at: number): number => medianRatio(full, times[at]!);
      return {
        figures: {
          device,
          source,
          documents,
          coldMs: Object.fromEntries(Object.entries(times).map(([at, ms]) => [at, rounded(median(ms))])),
          fasterThanFullDepth: Object.fromEntries(
            depths.map((each) => [each.layers, rounded(fasterAt(each.layers))]),
          ),
        },
        checks: depths.map((each) =>
          atLeast(`full depth / depth ${each.layers}, cold`, fasterAt(each.layers), 1.8),
        ),
      };
    } finally {
      for (const reranker of rerankers.values()) await reranker.close();
    }
  },
};
