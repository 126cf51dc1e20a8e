import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Embedder, openEmbedder } from '../../../../engine/index.ts';
import {
  bigramModel,
  curate,
  embeddingQuality,
  foldDuplicates,
  heldOutBigramLosses,
  noiseRows,
  randomWordRows,
  readCollection,
  seededRandom,
  shuffled,
} from '../../../../engine/laboratory.ts';

const cranfield = fileURLToPath(new URL('../../../../../shared/data/cranfield', import.meta.url));
const model = fileURLToPath(new URL('../../../../models/default', import.meta.url));
const isThere = existsSync(cranfield) && existsSync(model);
if (!isThere) console.log('skipped: curation of Cranfield, which does not lie beside the repository');

describe.skipIf(!isThere)('curation of Cranfield', () => {
  let texts: readonly string[];
  let embedder: Embedder;

  beforeAll(async () => {
    const { documents } = await readCollection(cranfield);
    texts = [...documents.values()].map(({ text }) => text).filter((text) => text.trim() !== '');
    embedder = await openEmbedder();
  });

  it('shows by variance reduction that token averages know what is hard, random vectors little, noise nothing', async () => {
    const losses = heldOutBigramLosses(texts);
    const at = (embeddings: Parameters<typeof embeddingQuality>[0]): number =>
      embeddingQuality(embeddings, { losses }, { sizes: [5], seeds: 1 })[0]!.varianceReduction;
    const free = at(await embedder.embed(texts));
    const noise = at(noiseRows(texts.length));
    expect(noise).toBeGreaterThan(0.95);
    expect(noise).toBeLessThan(1.06);
    expect(free).toBeGreaterThanOrEqual(1.4);
    expect(free).toBeGreaterThanOrEqual(at(randomWordRows(texts)) + 0.2);
  });

  it('chooses texts that foretell others better than a random choice does, and better than noise chooses', async () => {
    const outcomes = await Promise.all([0, 1, 2, 3, 4].map((seed) => heldOutLosses(seed)));
    expect(outcomes.filter(({ curated, random }) => curated < random).length).toBeGreaterThanOrEqual(4);
    expect(outcomes.filter(({ curated, noise }) => curated < noise).length).toBeGreaterThanOrEqual(4);
  });

  /** Loss on 400 held-out texts of models of 300 texts, chosen from 600 and 780 near-duplicates of 60 of them. */
  async function heldOutLosses(seed: number) {
    const random = seededRandom(seed);
    const order = shuffled(texts, random);
    const [held, own] = [order.slice(0, 400), order.slice(400, 1000)];
    const copies = own
      .slice(0, 60)
      .flatMap((text) => Array.from({ length: 13 }, () => reworded(text, random)));
    const pool = shuffled([...own, ...copies], random);
    const lossOf = (chosen: readonly number[]): number => {
      const { loss } = bigramModel(chosen.map((i) => pool[i]!));
      return held.reduce((sum, text) => sum + loss(text), 0);
    };
    const any = shuffled([...pool.keys()], random).slice(0, 300);
    return {
      curated: lossOf(curate(await embedder.embed(pool), { count: 300 }).kept),
      noise: lossOf(curate(noiseRows(pool.length, { seed: seed + 1 }), { count: 300 }).kept),
      random: lossOf(any),
    };
  }

  /** Sentences in another order, one word in twelve left out. */
  function reworded(text: string, random: () => number): string {
    const sentences = text.split(' . ').map((sentence) =>
      sentence
        .split(' ')
        .filter(() => random() > 1 / 12)
        .join(' '),
    );
    return shuffled(sentences, random).join(' . ');
  }
});

describe('foldDuplicates', () => {
  const vectors: Readonly<Record<string, readonly number[]>> = {
    a: [1, 0],
    'a bit longer': [3, 0.1],
    b: [0, 2],
    'between, near the longer one': [1, 0.17],
    '': [0, 0],
  };
  const double: Embedder = {
    embed: async (texts) => ({ width: 2, rows: Float32Array.from(texts.flatMap((text) => vectors[text]!)) }),
  };

  it('folds a text into the first near one that stands for itself, and leaves empty ones alone', async () => {
    // The last but one is near the second (cosine .991), which is folded into the first; to that it is not near (.986).
    const texts = ['a', 'a bit longer', 'b', 'between, near the longer one', '', ''];
    expect(await foldDuplicates(texts, { embedder: double })).toEqual([0, 0, 2, 3, 4, 5]);
    expect(await foldDuplicates(texts, { embedder: double, cosine: 0.98 })).toEqual([0, 0, 2, 0, 4, 5]);
    expect(await foldDuplicates([], { embedder: double })).toEqual([]);
  });

  it('folds repeats at a cosine of 1, and refuses one that is none', async () => {
    expect(await foldDuplicates(['b', 'a', 'b'], { embedder: double, cosine: 1 })).toEqual([0, 1, 0]);
    for (const cosine of [0, 1.1, Number.NaN]) {
      await expect(foldDuplicates(['a'], { embedder: double, cosine })).rejects.toThrow(RangeError);
    }
  });
});
