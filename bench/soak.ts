/** The service for ten minutes: whether its memory grows. */
import { atMost, type Bench, rounded } from './support/bench.ts';
import { load, served } from './support/served.ts';

const minutes = 10;
const documents = 20;
/** Enough for the states kept in memory to be replaced several times. */
const newDocuments = 5;

export const soak: Bench = {
  about: `${minutes} minutes of POST /v1/rerank from 16 connections, every question and ${newDocuments} of ${documents} documents new: memory of the service minute by minute.`,
  async run(note) {
    const running = await served({ cache: { maxEntries: 1000 } });
    try {
      const memory: number[] = [];
      let answered = 0;
      for (let minute = 0; minute < minutes; minute += 1) {
        const { answeredPerSecond } = await load(running, {
          connections: 16,
          seconds: 60,
          documents,
          newDocuments,
        });
        answered += Math.round(answeredPerSecond * 60);
        memory.push(running.residentBytes() / 2 ** 20);
        note(`minute ${minute + 1}: ${Math.round(memory.at(-1)!)} MiB, ${answered} answered`);
      }
      // The first minutes fill caches and pools.
      const settled = memory.slice(3);
      const growth = (settled.at(-1)! - settled[0]!) / settled[0]!;
      return {
        figures: { answered, residentMiB: memory.map(Math.round) },
        checks: [atMost('growth after the third minute, share', rounded(growth), 0.05)],
      };
    } finally {
      await running.close();
    }
  },
};
