/** Reranking cold at each depth of the model that comes with the package, against its full depth. */
import { type EncoderReranker, openEncoderReranker } from '../engine/index.ts';
import { smallerDepths } from '../engine/model/depth.ts';
import { defaultModelFolder, openModelFolder } from '../engine/model/folder.ts';
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
    const { manifest } = await openModelFolder(defaultModelFolder());
    const depths = smallerDepths(manifest);
    const rerankers: EncoderReranker[] = [];
    try {
      for (const at of [undefined, ...depths]) {
        const options = {
          device,
          workers: threads,
          stateCacheBytes: 0,
          ...(at !== undefined && { depth: at }),
        };
        rerankers.push(await openEncoderReranker(options));
      }
      const { source, texts } = passages(documents);
      let seed = 0;
      const contenders = rerankers.map((reranker) => {
        const run = (): Promise<unknown> => reranker.rerank(shortlistOf(question(seed++), texts));
        return [String(reranker.info.depth), run] as const;
      });
      const times = await alternate(rounds, Object.fromEntries(contenders));
      const full = times[rerankers[0]!.info.depth!]!;
      const fasterAt = (at: number): number => medianRatio(full, times[at]!);
      return {
        figures: {
          device,
          source,
          documents,
          coldMs: Object.fromEntries(Object.entries(times).map(([at, ms]) => [at, rounded(median(ms))])),
          fasterThanFullDepth: Object.fromEntries(depths.map((at) => [at, rounded(fasterAt(at))])),
        },
        checks: depths.map((at) => atLeast(`full depth / depth ${at}, cold`, fasterAt(at), 1.8)),
      };
    } finally {
      for (const reranker of rerankers) await reranker.close();
    }
  },
};
