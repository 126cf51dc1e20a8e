import { describe, expect, it } from 'vitest';
import type { DocumentTextOptions } from '../../../adapters/document-text.ts';
import { elasticsearchAdapter, type StoredStates } from '../../../adapters/elasticsearch/index.ts';
import { wrapped } from '../../../engine/index.ts';
import { rescoringStage, type UnrerankedEvent } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { memoryAdapter } from '../../support/doubles/memory-adapter.ts';

const source = { title: 'a chair', name: { en: 'a chair' }, vector: [1, 0] };
const hit = (_id: string, more: object): object => ({ _index: 'a', _id, _score: 1, ...more });

/** Searches these hits, and tells what the model read. */
async function searched(
  hits: readonly object[],
  options: DocumentTextOptions & { readonly states?: StoredStates },
  truncatedTokens = 0,
) {
  const client = {
    search: async () => ({ hits: { total: { value: hits.length, relation: 'eq' }, hits } }),
    msearch: async () => ({}),
  };
  const reranker = fakeReranker();
  const told: UnrerankedEvent[] = [];
  const stage = rescoringStage({
    adapter: elasticsearchAdapter({ client, ...options }),
    reranker: wrapped(reranker, {
      rerank: async (...call) => {
        const ranking = await reranker.rerank(...call);
        return { ...ranking, usage: { ...ranking.usage, truncatedTokens } };
      },
    }),
    events: { unreranked: (event) => void told.push(event) },
  });
  const { blockrank, hits: page } = await stage.search({ index: 'a', query: { match: { title: 'chair' } } });
  await stage.close();
  return { mark: blockrank!, ids: page.hits.map(({ _id }) => _id), calls: reranker.calls, told };
}

const withSource = [hit('1', { _source: source }), hit('2', { _source: source })];
const titles = { fields: ['title'] };

describe('a list of hits of which none has text', () => {
  it.each([
    ['a name that is misspelled', withSource, { fields: ['titel'] }],
    ['a boost', withSource, { fields: ['title^3'] }],
    ['a pattern', withSource, { fields: ['tit*'] }],
    ['a multi-field', withSource, { fields: ['title.english'] }],
    ['an alias, or a field made at search time', withSource, { fields: ['headline'] }],
    ['an object', withSource, { fields: ['name'] }],
    ['a template around nothing', withSource, { template: 'Name: {titel} ({year})' }],
    ['an index that keeps no source', [hit('1', {}), hit('2', {})], titles],
    ['fields of another name beside no source', [hit('1', { fields: { year: [1999] } })], titles],
    ['empty texts', [hit('1', { _source: { title: ' ' } }), hit('2', { _source: { title: null } })], titles],
  ])('is not reranked, and the fields are named: %s', async (_what, hits, options) => {
    const { mark, ids, calls, told } = await searched(hits, options);
    expect(mark).toMatchObject({ reranked: false, reason: 'no-document-text' });
    const named = 'fields' in options ? options.fields![0]! : 'titel';
    expect(mark.warnings).toEqual([
      { code: 'no-document-text', message: expect.stringContaining(`"${named}"`) },
    ]);
    expect(told).toMatchObject([{ reason: 'no-document-text', warnings: mark.warnings }]);
    expect(ids).toEqual(hits.map((one) => (one as { _id: string })._id));
    expect(calls).toEqual([]);
  });

  it('is not reranked where documents have no fields, either', async () => {
    const hits = [{ id: 'a', text: '' }];
    const stage = rescoringStage({ adapter: memoryAdapter(hits), reranker: fakeReranker() });
    const response = await stage.search({ query: 'stars' });
    expect(response.blockrank).toMatchObject({ reranked: false, reason: 'no-document-text' });
  });
});

describe('a list of hits of which some have text', () => {
  it('is reranked, and says how many have none', async () => {
    const { mark, calls } = await searched(
      [...withSource, hit('3', { _index: 'b', _source: { name: 'x' } })],
      {
        fields: ['title', 'body'],
      },
    );
    expect(mark.reranked).toBe(true);
    expect(mark.warnings).toEqual([
      { code: 'hits-without-text', message: expect.stringMatching(/^1 of 3 hits .*"title", "body"/) },
    ]);
    expect(calls[0]!.candidates.map(({ text }) => text).sort()).toEqual(['', 'a chair', 'a chair']);
  });

  it.each([
    ['what the search asked for as fields', [hit('1', { fields: { headline: ['a chair'] } })], 'headline'],
    ['a path into an object', withSource, 'name.en'],
  ])('reads %s, and warns of nothing', async (_what, hits, field) => {
    const { mark, calls } = await searched(hits, { fields: [field] });
    expect(mark).toMatchObject({ reranked: true });
    expect(mark.warnings).toBeUndefined();
    expect(calls[0]!.candidates[0]!.text).toBe('a chair');
  });

  it('needs no text where a vector of its own stands for each document', async () => {
    const states = { kind: 'vector', field: 'vector' } as const;
    const { mark } = await searched(withSource, { fields: ['titel'], states });
    expect(mark).toMatchObject({ reranked: true });
    // One whose maker is not known is nothing but bytes without a text.
    const bytes = [hit('1', { _source: { blockrank_state: { state: 'AAAA' } } })];
    const field = await searched(bytes, { fields: ['titel'], states: { kind: 'field' } });
    expect(field.mark).toMatchObject({ reranked: false, reason: 'no-document-text' });
  });
});

describe('a list of which the model did not read all', () => {
  it('is reranked, and says how much was cut and what reads more', async () => {
    const { mark } = await searched(withSource, titles, 7);
    expect(mark.reranked).toBe(true);
    expect(mark.warnings).toEqual([
      { code: 'text-cut', message: expect.stringMatching(/^7 tokens .*maxDocumentBlocks/) },
    ]);
  });
});
