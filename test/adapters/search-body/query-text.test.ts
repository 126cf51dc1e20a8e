import { describe, expect, it } from 'vitest';
import type { QueryTextOption } from '../../../adapters/elasticsearch/index.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';

/** The question found in a request. */
function found(request: object, query?: QueryTextOption): string | undefined {
  return elasticsearchSilent({ query }).plan(request, { rankWindowSize: 10 }).query?.text;
}

describe('the question in words', () => {
  it.each([
    ['match', { match: { title: 'stars' } }],
    ['match with options', { match: { title: { query: 'stars', operator: 'and' } } }],
    ['match_phrase', { match_phrase: { title: 'stars' } }],
    ['match_phrase_prefix', { match_phrase_prefix: { title: { query: 'stars' } } }],
    ['match_bool_prefix', { match_bool_prefix: { title: 'stars' } }],
    ['multi_match', { multi_match: { query: 'stars', fields: ['a'] } }],
    ['combined_fields', { combined_fields: { query: 'stars', fields: ['a'] } }],
    ['query_string', { query_string: { query: 'stars' } }],
    ['simple_query_string', { simple_query_string: { query: 'stars' } }],
    ['semantic', { semantic: { field: 'a', query: 'stars' } }],
    ['sparse_vector', { sparse_vector: { field: 'a', inference_id: 'i', query: 'stars' } }],
    ['text_expansion', { text_expansion: { a: { model_id: 'm', model_text: 'stars' } } }],
    ['neural', { neural: { v: { query_text: 'stars', model_id: 'm', k: 5 } } }],
    ['neural_sparse', { neural_sparse: { v: { query_text: 'stars' } } }],
    [
      'bool',
      {
        bool: {
          filter: [{ match: { a: 'no' } }],
          must: { match: { a: 'stars' } },
          should: [{ match: { a: 'no' } }],
        },
      },
    ],
    ['bool with filters alone', { bool: { filter: [{ term: { a: 'no' } }, { match: { a: 'stars' } }] } }],
    ['dis_max', { dis_max: { queries: [{ match_all: {} }, { match: { a: 'stars' } }] } }],
    ['function_score', { function_score: { query: { match: { a: 'stars' } } } }],
    ['script_score', { script_score: { query: { match: { a: 'stars' } }, script: {} } }],
    ['nested', { nested: { path: 'a', query: { match: { 'a.b': 'stars' } } } }],
    ['boosting', { boosting: { positive: { match: { a: 'stars' } }, negative: { match: { a: 'no' } } } }],
    ['pinned', { pinned: { ids: ['1'], organic: { match: { a: 'stars' } } } }],
    ['hybrid', { hybrid: { queries: [{ knn: { v: {} } }, { match: { a: 'stars' } }] } }],
    ['a number', { match: { a: { query: 1984 } } }],
  ])('is found in %s', (what, query) => {
    expect(found({ query })).toBe(what === 'a number' ? '1984' : 'stars');
  });

  it("is found in retriever trees, a reranker's own text first", () => {
    const standard = { standard: { query: { match: { a: 'stars' } } } };
    expect(found({ retriever: { rrf: { retrievers: [{ knn: { field: 'v' } }, standard] } } })).toBe('stars');
    expect(found({ retriever: { linear: { retrievers: [{ retriever: standard, weight: 2 }] } } })).toBe(
      'stars',
    );
    expect(found({ retriever: { rrf: { query: 'stars', fields: ['a'] } } })).toBe('stars');
    const reranker = { text_similarity_reranker: { retriever: standard, inference_text: 'bright stars' } };
    expect(found({ retriever: reranker })).toBe('bright stars');
  });

  it('is found in what a knn search is made from', () => {
    const builder = { text_embedding: { model_id: 'm', model_text: 'stars' } };
    expect(found({ knn: { field: 'v', query_vector_builder: builder } })).toBe('stars');
    expect(found({ retriever: { knn: { field: 'v', query_vector_builder: builder } } })).toBe('stars');
  });

  it('is found in the q parameter', () => {
    expect(openSearchSilent().plan({ index: 'i', q: 'stars' }, { rankWindowSize: 5 }).query?.text).toBe(
      'stars',
    );
  });

  it("is that of a clause over the model's fields, before those over others", () => {
    const published = { match: { status: 'published' } };
    const words = { match: { title: 'stars' } };
    const of = (...must: object[]): string | undefined => found({ query: { bool: { must } } });
    expect(of(published, words)).toBe('stars');
    expect(of(published, { match_phrase: { 'title.english': 'stars' } })).toBe('stars');
    expect(of(published, { multi_match: { query: 'stars', fields: ['tit*^3', 'status'] } })).toBe('stars');
    expect(of(published, { multi_match: { query: 'stars' } })).toBe('stars');
    expect(of(published, { query_string: { query: 'status:published stars' } })).toBe('stars');
    expect(of(published, { query_string: { query: 'stars', default_field: 'title' } })).toBe('stars');
    expect(of({ query_string: { query: 'published title:stars', default_field: 'status' } })).toBe('stars');
    expect(of({ multi_match: { query: 'published', fields: ['status'] } }, words)).toBe('stars');
    expect(of(published, { semantic: { field: 'meaning', query: 'stars' } })).toBe('stars');
    expect(of(published, { neural: { vector: { query_text: 'stars', model_id: 'm' } } })).toBe('stars');
    // Words that score go before those that filter, and any before none.
    expect(found({ query: { bool: { filter: [words], must: [{ match: { all: 'moon' } }] } } })).toBe('moon');
    expect(of(published)).toBe('published');
    expect(found({ q: 'status:published stars' })).toBe('stars');
    expect(found({ q: 'status:published' })).toBe('published');
    expect(found({ q: 'published title:stars', df: 'status' } as object)).toBe('stars');
  });

  it('is read by its syntax where a path leads to a query string, and as it stands elsewhere', () => {
    const clauses = [
      { query_string: { query: 'title:stars -old' } },
      { match: { title: 'title:stars -old' } },
    ];
    const request = { query: { bool: { must: clauses } } };
    expect(found(request, { path: 'query.bool.must.query_string.query' })).toBe('stars');
    expect(found(request, { path: 'query.bool.must.1.match.title' })).toBe('title:stars -old');
    expect(found({ q: 'stars -old' }, { path: 'q' })).toBe('stars');
    expect(found({ q: '*' }, { path: ['q', 'ext.words'] })).toBeUndefined();
    expect(found({ query: { query_string: { query: 1984 } } })).toBe('1984');
    const plain = { query: '-old stars', flags: 'NONE' };
    expect(found({ query: { simple_query_string: plain } })).toBe('-old stars');
  });

  it('is not looked for in must_not', () => {
    expect(found({ query: { bool: { must_not: [{ match: { a: 'stars' } }] } } })).toBeUndefined();
  });

  it('is the text, the path or the function of the option', () => {
    const request = {
      query: { bool: { must: [{ match: { a: 'no' } }, { match: { 'sub.b': { query: 'stars' } } }] } },
    };
    expect(found(request, { text: 'planets' })).toBe('planets');
    expect(found(request, { path: 'query.bool.must.1.match.sub.b.query' })).toBe('stars');
    expect(found(request, { path: 'query.bool.must.match.sub.b.query' })).toBe('stars');
    expect(found(request, { path: 'body.query.bool.must.0.match.a' })).toBe('no');
    expect(found(request, { path: ['ext.question', 'query.bool.must.match.a'] })).toBe('no');
    expect(found({ ...request, ext: { words: ['two', 'stars'] } }, { path: 'ext.words' })).toBe('two stars');
    expect(found(request, ({ query }) => (query === undefined ? undefined : 'seen'))).toBe('seen');
  });

  it('is missing when the option leads nowhere, though the request has words', () => {
    const request = { query: { match: { a: 'stars' } } };
    const adapter = elasticsearchSilent({ query: { path: 'ext.question' } });
    expect(adapter.plan(request, { rankWindowSize: 5 }).reason).toBe('no-query-text');
  });
});
