/** Fields apart through a stage over the embedded adapter: the order, the marks, passages, and what is remembered. */
import { describe, expect, it } from 'vitest';
import { buildEmbeddedIndex, embeddedAdapter } from '../../../adapters/embedded/index.ts';
import type { Ranking, Shortlist } from '../../../engine/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

const index = await buildEmbeddedIndex({
  documents: [
    // The joined text says "moon" once, as does each of the others; only its title is short enough to be about it.
    {
      docId: 'moon',
      title: 'The moon',
      text: 'It is far away. Nobody lives there. Boats do not float on it.',
    },
    { docId: 'tides', title: 'Tides', text: 'The sea rises. The moon pulls the water. Boats float.' },
    { docId: 'boats', title: 'Boats', text: 'Boats float on water under the moon. They are made of wood.' },
  ],
});

/** The share of a text's words that are "moon": what a short field has more of. Looks at that word alone. */
const shareOfMoon = () =>
  fakeReranker({
    logit: ({ text }) => (text.toLowerCase().match(/moon/g)?.length ?? 0) / text.split(' ').length,
    answer: (ranking: Ranking, { candidates }: Shortlist) => ({
      ...ranking,
      candidates: ranking.candidates.map((candidate) => {
        const start = candidates[candidate.index]!.text.indexOf('moon');
        const spans = start < 0 ? [] : [{ start, end: start + 4, mass: 0.3 }];
        return { ...candidate, explanation: { mass: 0.3, spans } };
      }),
    }),
  });

const query = 'moon water boats';

describe('fields apart in a stage', () => {
  it('rank a document by its best field, which its mark names', async () => {
    const reranker = shareOfMoon();
    const adapter = embeddedAdapter({ index, fieldsApart: ['title', 'text'] });
    const { hits } = await rescoringStage({ adapter, reranker, scoreSteps: [] }).search({ query });
    expect(hits.map(({ docId, blockrank }) => [docId, blockrank?.field])).toEqual([
      ['moon', 'title'], // one word of two
      ['tides', 'text'], // one of ten, and none of its title
      ['boats', 'text'], // one of twelve
    ]);
    expect(reranker.calls[0]!.candidates).toHaveLength(6);
  });

  it('count a field as often as its weight says', async () => {
    const adapter = embeddedAdapter({ index, fieldsApart: ['title', 'text^9'] });
    const { hits } = await rescoringStage({ adapter, reranker: shareOfMoon(), scoreSteps: [] }).search({
      query,
    });
    // ln 9 is more than any share of words.
    expect(new Set(hits.map(({ blockrank }) => blockrank?.field))).toEqual(new Set(['text']));
  });

  it('give passages of the field that won, by its name, also where that is one sentence', async () => {
    const adapter = embeddedAdapter({ index, fieldsApart: ['title', 'text'] });
    const stage = rescoringStage({ adapter, reranker: shareOfMoon(), passages: { perHit: 1 } });
    const { hits } = await stage.search({ query });
    const passages = new Map(hits.map(({ docId, blockrank }) => [docId, blockrank?.passages]));
    expect(passages.get('moon')).toEqual({ title: ['The moon'] });
    expect(passages.get('tides')).toEqual({ text: ['The moon pulls the water.'] });
    expect(passages.get('boats')).toEqual({ text: ['Boats float on water under the moon.'] });
  });

  it('give passages of the joined text without them: the title says less than the text has to say', async () => {
    const stage = rescoringStage({
      adapter: embeddedAdapter({ index }),
      reranker: shareOfMoon(),
      passages: {},
    });
    const { hits } = await stage.search({ query });
    expect(hits.find(({ docId }) => docId === 'tides')?.blockrank?.passages).toEqual({
      text: ['The moon pulls the water.'],
    });
  });
});
