import { describe, expect, it } from 'vitest';
import { collapses, restrictionOf } from '../../../adapters/search-body/restriction.ts';

const words = 'red shoes';
const fields = ['title', 'body'];
const asked = { match: { title: words } };
const own = { term: { tenant: 'acme' } };
const open = { range: { price: { lte: 50 } } };
const all = { match_all: {} };

const restrict = (view: Record<string, unknown>) => restrictionOf(view, { text: words, fields });

describe('restrictionOf', () => {
  it.each([
    ['the question alone', asked, []],
    ['a filter', { bool: { must: asked, filter: [own] } }, [{ bool: { must: [all], filter: [own] } }]],
    ['a must_not', { bool: { must: [asked], must_not: own } }, [{ bool: { must: [all], must_not: own } }]],
    ['a condition among the words', { bool: { must: [asked, own] } }, [{ bool: { must: [all, own] } }]],
    // A match over a field that the model does not read is a condition, such as a tenant's name.
    [
      'a match over another field',
      { bool: { must: [asked, { match: { shop: words } }] } },
      [{ bool: { must: [all, { match: { shop: words } }] } }],
    ],
    [
      'other words over a field that is read',
      { bool: { must: [asked, { match: { title: 'adidas' } }] } },
      [{ bool: { must: [all, { match: { title: 'adidas' } }] } }],
    ],
    [
      'words that must be there besides',
      { bool: { must: [asked], filter: [{ match: { body: words } }] } },
      [{ bool: { must: [all], filter: [{ match: { body: words } }] } }],
    ],
    [
      'one of several conditions',
      { bool: { should: [own, open], minimum_should_match: 1, must: asked } },
      [{ bool: { should: [own, open], minimum_should_match: 1, must: [all] } }],
    ],
    ['the best of several fields', { dis_max: { queries: [asked, { match: { body: words } }] } }, []],
    [
      'a score of its own',
      { function_score: { query: { bool: { filter: own } } } },
      [{ bool: { filter: own } }],
    ],
    ['a demotion', { boosting: { positive: asked, negative: own, negative_boost: 0.5 } }, []],
    [
      'nested objects',
      { nested: { path: 'a', query: { bool: { must: asked, filter: own } }, inner_hits: {} } },
      [{ nested: { path: 'a', query: { bool: { must: [all], filter: own } } } }],
    ],
    [
      'pins',
      { pinned: { ids: ['1'], organic: { bool: { must: asked, filter: own } } } },
      [{ bool: { must: [all], filter: own } }],
    ],
    ['a search by vectors with a filter', { knn: { field: 'v', query_vector: [1], filter: own } }, [own]],
    ['the same in the other grammar', { knn: { v: { vector: [1], k: 3, filter: own } } }, [own]],
    ['a hybrid of words and vectors', { hybrid: { queries: [asked, { knn: { v: { vector: [1] } } }] } }, []],
    ['a clause that nobody here knows', { percolate: { field: 'q' } }, [{ percolate: { field: 'q' } }]],
  ])('keeps what a query keeps out: %s', (_what, query, expected) => {
    expect(restrict({ query })).toEqual(expected);
  });

  it('joins a query and a search by vectors as the server does, and adds the post_filter', () => {
    const knn = { field: 'v', query_vector: [1], filter: own };
    const query = { bool: { must: asked, filter: open } };
    const relaxed = { bool: { must: [all], filter: open } };
    expect(restrict({ query, knn })).toEqual([{ bool: { should: [relaxed, own], minimum_should_match: 1 } }]);
    expect(restrict({ query: asked, knn, post_filter: open })).toEqual([open]);
  });

  it('keeps the filters of a tree of retrievers', () => {
    const standard = { standard: { query: asked, filter: own } };
    expect(
      restrict({ retriever: { rrf: { retrievers: [standard, { knn: { filter: own } }], filter: open } } }),
    ).toEqual([{ bool: { filter: [{ bool: { should: [own, own], minimum_should_match: 1 } }, open] } }]);
    expect(restrict({ retriever: { linear: { retrievers: [{ retriever: standard, weight: 2 }] } } })).toEqual(
      [own],
    );
    expect(
      restrict({ retriever: { text_similarity_reranker: { retriever: standard, field: 'body' } } }),
    ).toEqual([own]);
  });

  it('takes words in query string syntax for the question only where they are words alone', () => {
    expect(restrict({ q: words })).toEqual([]);
    expect(restrict({ query: { simple_query_string: { query: words, fields } } })).toEqual([]);
    expect(restrictionOf({ q: 'state-of-the-art' }, { text: 'state-of-the-art', fields })).toEqual([]);
    for (const query of ['red shoes -leather', 'tenant:acme AND red shoes', '+red +shoes', '"red shoes"']) {
      expect(restrict({ query: { query_string: { query } } }), query).toBeUndefined();
    }
  });

  it('says that it cannot tell where a retriever is not known, or a query is no query', () => {
    expect(restrict({ retriever: { sorcery: {} } })).toBeUndefined();
    expect(restrict({ query: { match: asked.match, term: own.term } })).toBeUndefined();
  });

  it('counts words over other fields as the question where no clause over a read field has them', () => {
    expect(restrict({ query: { match: { name: words } } })).toEqual([]);
  });

  it('keeps the whole query where it does not hold the question', () => {
    expect(restrict({ query: own })).toEqual([own]);
  });
});

describe('collapses', () => {
  it('sees groups at the top and in a retriever', () => {
    expect(collapses({ query: asked })).toBe(false);
    expect(collapses({ query: asked, collapse: { field: 'shop' } })).toBe(true);
    expect(collapses({ retriever: { standard: { query: asked, collapse: { field: 'shop' } } } })).toBe(true);
  });
});
