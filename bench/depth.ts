/** Reranking cold at each depth of the model that comes with the package, against its full depth. */
import { type EncoderReranker, openEncoderReranker, type RerankerOptions } from '../engine/index.ts';
import { smallerDepths } from '../engine/model/depth.ts';
import { defaultModelFolder, openModelFolder } from '../engine/model/folder.ts';
import { atLeast, type Bench, type Check, rounded, threads } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { passages, question, shortlistOf } from './support/texts.ts';

/** Many short runs in turns: on a machine that others use too, a long one meets more of their work. */
const rounds = 60;
const documents = 20;

export const depth: Bench = {
  about: `Reranking ${documents} passages cold at each depth, in turns with the full depth.`,
  takes: ['device'],
  async run(note, { device = 'cpu' }) {
    const { manifest } = await openModelFolder(defaultModelFolder());
    const depths = smallerDepths(manifest);
    const precisions = device === 'cpu' ? (['fp32', 'int8'] as const) : ([undefined] as const);
    const { source, texts } = passages(documents);
    const figures: Record<string, unknown> = { device, source, documents };
    const checks: Check[] = [];
    for (const precision of precisions) {
      const name = precision ?? 'own precision';
      note(`${name}: ${rounds} rounds`);
      const times = await timesOf([undefined, ...depths], texts, { device, ...(precision && { precision }) });
      const [full, ...smaller] = times.map(({ ms }) => ms);
      const faster = depths.map((at, i) => [at, medianRatio(full!, smaller[i]!)] as const);
      figures[name] = {
        coldMs: Object.fromEntries(times.map(({ depth: at, ms }) => [at, rounded(median(ms))])),
        fasterThanFullDepth: Object.fromEntries(faster.map(([at, ratio]) => [at, rounded(ratio)])),
      };
      // What is promised is the precision that one gets without asking.
      if (precision === 'int8') continue;
      checks.push(...faster.map(([at, ratio]) => atLeast(`full depth / depth ${at}, cold`, ratio, 1.8)));
    }
    return { figures, checks };
  },
};

/** Milliseconds of each depth, taken in turns. @param depths - Undefined is the full one. */
async function timesOf(
  depths: readonly (number | undefined)[],
  texts: readonly string[],
  options: Pick<RerankerOptions, 'device' | 'precision'>,
): Promise<{ readonly depth: number; readonly ms: number[] }[]> {
  const rerankers: EncoderReranker[] = [];
  try {
    for (const at of depths) {
      const own = {
        ...options,
        workers: threads,
        stateCacheBytes: 0,
        ...(at !== undefined && { depth: at }),
      };
      rerankers.push(await openEncoderReranker(own));
    }
    let seed = 0;
    const contenders = rerankers.map((reranker) => {
      const run = (): Promise<unknown> => reranker.rerank(shortlistOf(question(seed++), texts));
      return [String(reranker.info.depth), run] as const;
    });
    const times = await alternate(rounds, Object.fromEntries(contenders));
    return rerankers.map(({ info }) => ({ depth: info.depth!, ms: times[info.depth!]! }));
  } finally {
    for (const reranker of rerankers) await reranker.close();
  }
}
