import { describe, expect, it } from 'vitest';
import { type ElasticsearchResponse, elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { elasticsearchSilent } from '../../support/doubles/silent-clients.ts';

const request = { query: { match: { title: 'stars' } } };
type Options = NonNullable<Parameters<typeof elasticsearchSilent>[0]>;

const fieldTextsOf = (hit: object, fieldsApart: Options['fieldsApart']) => {
  const adapter = elasticsearchSilent({ fieldsApart });
  const plan = adapter.plan(request, { rankWindowSize: 10 });
  const response = { hits: { hits: [{ _id: '1', ...hit }] } } as unknown as ElasticsearchResponse;
  return adapter.toShortlist(plan, response).candidates[0]!.fieldTexts;
};

describe('fields apart', () => {
  it('are in their order: one text, or each of the values', () => {
    const hit = { _source: { title: ['T', 'U'], reviews: ['good', '', 'bad'], year: 7 } };
    expect(fieldTextsOf(hit, ['title^2', 'reviews[]', { name: 'year' }, 'none[]'])).toEqual([
      { field: 'title', text: 'T U', weight: 2 },
      { field: 'reviews', value: 0, text: 'good', weight: 1 },
      { field: 'reviews', value: 1, text: 'bad', weight: 1 },
      { field: 'year', text: '7', weight: 1 },
    ]);
  });

  it('follow nested objects, and inner hits by path', () => {
    const inner = (text: string) => ({ _nested: { field: 'comments' }, _source: { text } });
    const hit = {
      _source: { comments: [{ text: 'x' }, { text: 'y' }] },
      inner_hits: { 'comments.best': { hits: { hits: [inner('y'), inner('x')] } } },
    };
    const texts = (field: string) => fieldTextsOf(hit, [field])!.map(({ text }) => text);
    expect(texts('comments.text[]')).toEqual(['x', 'y']);
    expect(texts('inner_hits.comments.best.text[]')).toEqual(['y', 'x']);
    expect(texts('inner_hits.comments.best.text')).toEqual(['y x']);
    expect(texts('inner_hits.other.text[]')).toEqual([]);
  });

  it('are fetched beside what a request chooses of the source; inner hits come by themselves', () => {
    const adapter = elasticsearchSilent({
      fields: ['title'],
      fieldsApart: ['title', 'reviews[]', 'inner_hits.c.t'],
    });
    const { request: sent } = adapter.plan({ ...request, _source: ['year'] }, { rankWindowSize: 10 });
    expect(JSON.stringify(sent)).toContain('["year","title","reviews"]');
  });

  it.each([
    ['a[]^0'],
    [{ name: 'a', weight: -1 }],
    [{ name: '' }],
    [{ name: 'a', every: true }],
    ['a*'],
    [7],
  ])('are refused where they cannot be: %j', (field) => {
    expect(() => elasticsearchSilent({ fieldsApart: [field as string] })).toThrow(ConfigurationError);
  });

  it('rank hits by the best of them, and each hit says which field and value that was', async () => {
    const hits = [
      { _index: 'a', _id: '1', _score: 2, _source: { title: 'dogs', reviews: ['cats', 'birds'] } },
      {
        _index: 'a',
        _id: '2',
        _score: 1,
        _source: { title: 'stars', reviews: ['the sun', 'stars at night'] },
      },
    ];
    const client = { search: async () => ({ hits: { hits } }), msearch: async () => ({}) };
    const reranker = fakeReranker();
    const adapter = elasticsearchAdapter({ client, fields: ['title'], fieldsApart: ['title', 'reviews[]'] });
    const stage = rescoringStage({ adapter, reranker });
    const response = await stage.search({ index: 'a', ...request });
    await stage.close();
    expect(reranker.calls).toHaveLength(1);
    const marks = response.hits.hits.map(({ blockrank }) => blockrank);
    expect(marks.map((mark) => mark!.field)).not.toContain(undefined);
    for (const mark of marks) {
      if (mark!.field === 'title') expect(mark!.fieldValue).toBeUndefined();
      else expect(mark!.fieldValue).toBeGreaterThanOrEqual(0);
    }
  });
});
