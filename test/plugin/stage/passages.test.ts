import { describe, expect, it } from 'vitest';
import { buildEmbeddedIndex, embeddedAdapter } from '../../../adapters/embedded/index.ts';
import { ConfigurationError, type Ranking } from '../../../engine/index.ts';
import { type RescoringStageOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

const index = await buildEmbeddedIndex({
  documents: [
    { docId: 'tides', title: 'Tides', text: 'The sea rises. The moon pulls the water. Boats float.' },
    { docId: 'boats', title: 'Boats', text: 'Boats float on water. The moon shines on them.' },
  ],
});

/** Looks at the word "moon" alone. */
const looking = (ranking: Ranking, texts: readonly string[]): Ranking => ({
  ...ranking,
  candidates: ranking.candidates.map((candidate) => {
    const start = texts[candidate.index]!.indexOf('moon');
    return { ...candidate, explanation: { spans: [{ start, end: start + 4, mass: 0.5 }] } };
  }),
});

function open(options: Partial<RescoringStageOptions<never, never>> = {}) {
  const reranker = fakeReranker({
    answer: (ranking, { candidates }) =>
      looking(
        ranking,
        candidates.map(({ text }) => text),
      ),
  });
  return rescoringStage({ adapter: embeddedAdapter({ index }), reranker, ...options } as never) as ReturnType<
    typeof rescoringStage<
      { query: string; size?: number; from?: number },
      { hits: { docId: string; blockrank: { passages?: object; explanation?: object } }[] }
    >
  >;
}

describe('passages of the stage', () => {
  it('come by field, without the explanations that they are made from', async () => {
    const { hits } = await open({ passages: { perHit: 1 } }).search({ query: 'moon water' });
    const marks = new Map(hits.map(({ docId, blockrank }) => [docId, blockrank]));
    expect(marks.get('tides')).toMatchObject({ passages: { text: ['The moon pulls the water.'] } });
    expect(marks.get('boats')).toMatchObject({ passages: { text: ['The moon shines on them.'] } });
    expect(marks.get('tides')).not.toHaveProperty('explanation');
  });

  it('are taken or left by each request, from one ranking', async () => {
    const stage = open();
    const request = { query: 'moon water' };
    const [asked] = (await stage.search(request, { passages: {}, explain: true })).hits;
    expect(asked!.blockrank).toMatchObject({ passages: { text: [expect.any(String)] }, explanation: {} });
    const [plain] = (await stage.search(request)).hits;
    expect(plain!.blockrank).not.toHaveProperty('passages');
    expect(plain!.blockrank).not.toHaveProperty('explanation');
  });

  it('share a limit in all between the hits of the page', async () => {
    const stage = open({ passages: { maxTotalTokens: 6 } });
    const page = async (from: number): Promise<number[]> =>
      (await stage.search({ query: 'moon water', from, size: 1 })).hits.map(
        ({ blockrank }) => Object.values(blockrank.passages!).flat().length,
      );
    expect([await page(0), await page(1)]).toEqual([[1], [1]]);
    const both = await stage.search({ query: 'moon water' });
    expect(both.hits.flatMap(({ blockrank }) => Object.values(blockrank.passages!).flat())).toHaveLength(1);
  });

  it('that cannot be are refused, when the stage opens and when a request asks', async () => {
    expect(() => open({ passages: { perHit: 0 } })).toThrow(ConfigurationError);
    const search = open().search({ query: 'moon' }, { passages: { maxTokens: Number.NaN } });
    await expect(search).rejects.toThrow(
      'passages.maxTokens: expected a whole number of at least 1, got NaN',
    );
  });
});
