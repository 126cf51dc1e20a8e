/** What passages cost beside a ranking: the masses of every token, and the choice of sentences. */
import { openReranker, toPassages } from '../engine/index.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, median } from './support/measure.ts';
import { question, shortlistOf, passages as texts } from './support/texts.ts';

const rounds = 100;
const hits = 20;

export const passages: Bench = {
  about: `Passages of ${hits} hits whose states are in memory: time on top of the same ranking without them, ${rounds} rounds side by side.`,
  async run() {
    const { source, texts: found } = texts(hits);
    const reranker = await openReranker({ workers: threads });
    try {
      let seed = 0;
      const shortlist = (): ReturnType<typeof shortlistOf> =>
        shortlistOf(question(Math.floor(seed++ / 3)), found);
      const explained = async (): Promise<Parameters<typeof toPassages>[0]> => {
        const list = shortlist();
        const { candidates } = await reranker.rerank(list, { explain: true });
        return candidates.map(({ index, explanation }) => {
          const { text, segments } = list.candidates[index]!;
          return { text, segments, spans: explanation?.spans ?? [] };
        });
      };
      const times = await alternate(rounds, {
        plain: () => reranker.rerank(shortlist()),
        explained,
        passages: async () => toPassages(await explained()),
      });
      const added = times.passages.map((time, round) => time - times.plain[round]!);
      const masses = times.explained.map((time, round) => time - times.plain[round]!);
      return {
        figures: {
          documents: { source, count: hits },
          plainMs: rounded(median(times.plain)),
          massesMs: rounded(median(masses)),
          addedMs: rounded(median(added)),
        },
        checks: [atMost(`passages of ${hits} hits on top of the ranking, ms (p50)`, median(added), 5)],
      };
    } finally {
      await reranker.close();
    }
  },
};
