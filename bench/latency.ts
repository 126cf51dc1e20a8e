/** One request after another over documents whose states are there; memory of the process. */
import { openReranker } from '../engine/index.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { percentile, timed } from './support/measure.ts';
import { passages, question, shortlistOf } from './support/texts.ts';

const requests = 300;
const documents = 100;

export const latency: Bench = {
  about: `${requests} requests over ${documents} candidates with their states in memory; peak memory of the process.`,
  takes: ['device'],
  async run(_note, { device = 'cpu' }) {
    const { source, texts } = passages(documents);
    const reranker = await openReranker({ device, workers: threads });
    try {
      const coldMs = await timed(() => reranker.rerank(shortlistOf('first', texts)));
      const times: number[] = [];
      for (let seed = 0; seed < requests; seed += 1) {
        times.push(await timed(() => reranker.rerank(shortlistOf(question(seed), texts))));
      }
      // The kernel counts in KiB.
      const peakMiB = process.resourceUsage().maxRSS / 1024;
      return {
        figures: {
          device,
          documents: { source, count: documents },
          coldMs: rounded(coldMs),
          p50Ms: rounded(percentile(times, 0.5)),
          p95Ms: rounded(percentile(times, 0.95)),
          peakMemoryMiB: Math.round(peakMiB),
        },
        checks: [atMost('peak memory, MiB', peakMiB, 1024)],
      };
    } finally {
      await reranker.close();
    }
  },
};
