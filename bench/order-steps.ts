/** What the steps after the model cost: signals, variety, and limits of the order, over lists of several lengths. */

import { rankLogits } from '../engine/scores/ranking.ts';
import {
  applySteps,
  type OrderStepsOptions,
  openEmbedder,
  orderSteps,
  type Ranking,
  type Shortlist,
} from '../index.ts';
import { atMost, type Bench, rounded } from './support/bench.ts';
import { median, timed } from './support/measure.ts';
import { documentsOf, question } from './support/texts.ts';
import { uniformRandom } from './support/uniform-random.ts';

const lengths = [100, 500];
const rounds = 60;
const width = 384;

const steps: Readonly<Record<string, OrderStepsOptions>> = {
  signals: {
    signals: [
      { function: 'decay', field: 'published', scale: '30d', weight: 0.5 },
      { function: 'decay', field: 'place', shape: 'exp', origin: '52.52,13.405', scale: '10km', weight: 0.5 },
      { function: 'saturation', field: 'sales', pivot: 100, weight: 0.3 },
      { function: 'factor', field: 'stock', factors: { true: 1 }, weight: 0.3 },
      { function: 'pin', ids: ['7'] },
      { function: 'cap', field: 'shop', atMost: 2 },
    ],
  },
  diversify: { diversify: { lambda: 0.7, by: 'anchors' } },
  orderLimits: { orderLimits: { promoteOnly: true } },
};

export const orderStepsBench: Bench = {
  about: 'Signals (six rules), variety over vectors at hand, and limits of the order, after a model.',
  async run() {
    const figures: Record<string, unknown> = {};
    const checks = [];
    for (const count of lengths) {
      const { ranking, shortlist, reranker } = listOf(count);
      for (const [name, options] of Object.entries(steps)) {
        const call = { steps: orderSteps(options), reranker };
        const times = await timesOf(() => applySteps(ranking, shortlist, call));
        figures[`${name}${count}Ms`] = rounded(median(times));
        const target = targets[`${name} ${count}`];
        if (target !== undefined)
          checks.push(atMost(`${name} over ${count} hits, ms (p50)`, median(times), target));
      }
      const embedder = await openEmbedder();
      const texts = shortlist.candidates.map(({ text }) => text);
      figures[`embeddings${count}Ms`] = rounded(median(await timesOf(() => embedder.embed(texts), 8)));
    }
    return { figures, checks };
  },
};

const targets: Readonly<Record<string, number>> = {
  'signals 100': 1,
  'diversify 100': 2,
  'diversify 500': 20,
};

async function timesOf(run: () => Promise<unknown>, count: number = rounds): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < count + 5; round += 1) {
    const time = await timed(run);
    if (round >= 5) times.push(time);
  }
  return times;
}

function listOf(count: number): {
  ranking: Ranking;
  shortlist: Shortlist;
  reranker: NonNullable<Parameters<typeof applySteps>[2]['reranker']>;
} {
  const signed = uniformRandom(count);
  const random = (): number => Math.abs(signed());
  const rows = Float32Array.from({ length: count * width }, () => random() - 0.4);
  const shortlist: Shortlist = {
    query: { text: `${question(1)} AB-1234` },
    firstStage: 'lexical',
    candidates: documentsOf(count, 128).map((text, i) => ({
      docId: String(i),
      text,
      segments: [],
      firstStageScore: count - i,
      signals: {
        published: new Date(Date.now() - random() * 1e10).toISOString(),
        place: `${52 + random()},${13 + random()}`,
        sales: Math.round(1000 * random()),
        stock: Number(random() < 0.5),
        shop: `shop ${Math.floor(5 * random())}`,
      },
    })),
  };
  const ranking = rankLogits(Float64Array.from({ length: count }, () => random()));
  return { ranking, shortlist, reranker: { anchors: () => Promise.resolve({ width, rows }) } };
}
