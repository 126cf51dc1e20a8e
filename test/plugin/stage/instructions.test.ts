import { describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { hitsOf, stageOver } from '../../support/doubles/stage-over.ts';

describe('the instruction of a search', () => {
  it('reaches the reranker, and makes another list of the same hits', async () => {
    const reranker = fakeReranker({ info: { takesInstructions: true } });
    const stage = stageOver(hitsOf(3), { reranker });
    const request = { query: 'text' };
    const instructions = [undefined, 'Find the first.', 'Find the last.', 'Find the first.'];
    const cached: unknown[] = [];
    for (const instruction of instructions) {
      const { blockrank } = await stage.search(request, { instruction });
      expect(blockrank).toMatchObject({ reranked: true });
      cached.push(blockrank!.cached);
    }
    expect(cached).toEqual([false, false, false, true]);
    expect(reranker.calls.map(({ query }) => query.instruction)).toEqual(instructions.slice(0, 3));
  });

  it('is not shared with a search of the same hits at the same time', async () => {
    const reranker = fakeReranker({ info: { takesInstructions: true }, delayMs: 5 });
    const stage = stageOver(hitsOf(3), { reranker });
    const searches = ['Find a.', 'Find b.', 'Find a.'];
    await Promise.all(searches.map((instruction) => stage.search({ query: 'text' }, { instruction })));
    expect(reranker.calls).toHaveLength(2);
  });

  it('comes with a warning where the model reads none', async () => {
    const hits = [{ _index: 'a', _id: '1', _score: 1, _source: { title: 'a text' } }];
    const client = {
      search: async () => ({ hits: { total: { value: 1, relation: 'eq' }, hits } }),
      msearch: async () => ({}),
    };
    const adapter = elasticsearchAdapter({ client, fields: ['title'] });
    const stage = rescoringStage({ adapter, reranker: fakeReranker() });
    const search = { index: 'a', query: { match: { title: 'text' } } };
    const { blockrank } = await stage.search(search, { instruction: 'Find it.' });
    expect(blockrank).toMatchObject({ reranked: true, warnings: [{ code: 'instruction-ignored' }] });
    expect((await stage.search(search)).blockrank!.warnings).toBeUndefined();
  });
});
