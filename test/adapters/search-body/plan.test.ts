import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../engine/index.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';

const query = { match: { title: 'stars' } };
const elastic = elasticsearchSilent();
const open = openSearchSilent();
const window = { rankWindowSize: 100 };

/** What Elasticsearch is sent for a request. */
function sentFor(request: object, rankWindowSize = 100): Record<string, unknown> {
  return elastic.plan(request, { rankWindowSize }).request as Record<string, unknown>;
}

/** What OpenSearch is sent in the body for a body. */
function bodyFor(body: Record<string, unknown>, rankWindowSize = 100): Record<string, unknown> {
  return open.plan({ index: 'i', body }, { rankWindowSize }).request.body as Record<string, unknown>;
}

describe('plan', () => {
  it('fetches the window from its first hit on', () => {
    expect(sentFor({ index: 'i', query, from: 20, size: 10 })).toEqual({
      index: 'i',
      query,
      from: 0,
      size: 100,
    });
  });

  it('fetches up to the end of a page that reaches past the window', () => {
    expect(sentFor({ query, from: 95, size: 10 })).toMatchObject({ from: 0, size: 105 });
  });

  it("sends the user's own object when nothing has to change", () => {
    const request = { index: 'i', query, size: 100 };
    expect(elastic.plan(request, window).request).toBe(request);
  });

  it('writes into the body where the request has one, and over what stands beside it', () => {
    const request = { index: 'i', size: 5, body: { query, from: 3 } };
    expect(elastic.plan(request, window).request).toEqual({
      index: 'i',
      body: { query, from: 0, size: 100 },
    });
    expect(elastic.plan(request, window).page).toEqual({ from: 3, size: 5 });
  });

  it('reads a body that is text', () => {
    const request = { index: 'i', body: JSON.stringify({ query, size: 5 }) };
    expect(elastic.plan(request, window).request).toEqual({ index: 'i', body: { query, size: 100 } });
  });

  it("moves the page from OpenSearch's address into the body", () => {
    const plan = open.plan({ index: 'i', from: 5, size: 5, body: { query } }, window);
    expect(plan.request).toEqual({ index: 'i', body: { query, from: 0, size: 100 } });
    expect(plan.page).toEqual({ from: 5, size: 5 });
  });

  it.each([
    ['a sort by a field', { sort: [{ year: 'asc' }] }, 'explicit-sort'],
    ['a sort by score and then a field', { sort: ['_score', 'year'] }, 'explicit-sort'],
    ['a sort by ascending score', { sort: [{ _score: 'asc' }] }, 'explicit-sort'],
    ['search_after', { search_after: [3] }, 'search-after'],
    ['scroll', { scroll: '1m' }, 'scroll'],
    ['no hits asked for', { size: 0 }, 'size-zero'],
    ['a page after the window', { from: 100 }, 'beyond-window'],
    ['no words', { query: { match_all: {} } }, 'no-query-text'],
    ['blank words', { query: { match: { title: ' ' } } }, 'no-query-text'],
    ['only suggestions', { query: undefined, suggest: { s: {} } }, 'unsupported-request'],
    ['an answer with parts cut out', { filter_path: 'hits.hits._id' }, 'unsupported-request'],
    ['hits without any field', { stored_fields: '_none_' }, 'unsupported-request'],
    ['hits without any field, as a list', { stored_fields: ['_none_'] }, 'unsupported-request'],
    ['a page that cannot be', { size: -1 }, 'unsupported-request'],
    ['a body that cannot be read', { body: Buffer.from('{}') }, 'unsupported-request'],
    ['a page hidden in querystring', { querystring: { size: 3 } }, 'unsupported-request'],
  ])('passes %s as it is', (_what, part, reason) => {
    const request = { index: 'i', query, ...part } as object;
    const plan = elastic.plan(request, window);
    expect(plan.reason).toBe(reason);
    expect(plan.request).toBe(request);
    expect(plan.query).toBeUndefined();
  });

  it.each([
    ['stored fields', { stored_fields: ['year'] }],
    ['one stored field', { stored_fields: 'year' }],
    ['no stored field', { stored_fields: [] }],
    ['what scripts make', { script_fields: { age: { script: '1' } } }],
  ])('asks for the texts where %s would come without them', (_what, part) => {
    expect(sentFor({ query, ...part })).toEqual({ query, ...part, size: 100, _source: ['title', 'body'] });
  });

  it.each([
    ['_source is one of the stored fields', { stored_fields: ['year', '_source'] }],
    ['no script makes anything', { script_fields: {} }],
    ['fields come beside _source', { fields: ['year'], docvalue_fields: ['year'] }],
  ])('asks for nothing more where %s', (_what, part) => {
    expect(sentFor({ query, ...part })).toEqual({ query, ...part, size: 100 });
  });

  it.each([
    ['_score'],
    [['_score']],
    [[{ _score: 'desc' }]],
    [{ _score: { order: 'desc' } }],
    [[]],
    ['_score:desc'],
  ])('reranks what is sorted by score alone: %j', (sort) => {
    expect(elastic.plan({ query, sort } as object, window).reason).toBeUndefined();
  });

  it('leaves rescore, collapse, aggregations, point in time and the count of hits alone', () => {
    const rest = {
      rescore: { window_size: 20, query: { rescore_query: query } },
      collapse: { field: 'author', inner_hits: { name: 'more', size: 2 } },
      aggs: { years: { terms: { field: 'year' } } },
      pit: { id: 'p', keep_alive: '1m' },
      track_total_hits: false,
      profile: true,
    };
    expect(sentFor({ query, ...rest })).toEqual({ query, ...rest, size: 100 });
  });
});

describe('limits inside the request', () => {
  it('raises k and num_candidates of a knn search to the window', () => {
    const knn = { field: 'v', query_vector: [1], k: 10, num_candidates: 50 };
    expect(sentFor({ query, knn })).toMatchObject({ knn: { k: 100, num_candidates: 100 } });
    expect(sentFor({ query, knn: [knn, { ...knn, k: 200, num_candidates: 300 }] })).toMatchObject({
      knn: [{ k: 100 }, { k: 200, num_candidates: 300 }],
    });
  });

  it('leaves a knn search alone that is deep enough', () => {
    const knn = { field: 'v', query_vector: [1], k: 100, num_candidates: 500 };
    expect(sentFor({ query, knn })['knn']).toBe(knn);
  });

  it('raises them in knn clauses inside the query', () => {
    const knn = { field: 'v', query_vector: [1], k: 5 };
    expect(sentFor({ query: { bool: { should: [query, { knn }] } } })).toEqual({
      query: { bool: { should: [query, { knn: { ...knn, k: 100 } }] } },
      size: 100,
    });
  });

  it('caps neighbours where the server does, and names the setting', () => {
    const knn = { field: 'v', query_vector: [1], k: 10, num_candidates: 50 };
    const plan = elastic.plan({ query, knn }, { rankWindowSize: 20_000 });
    expect(plan.request).toMatchObject({ knn: { k: 10_000, num_candidates: 10_000 } });
    expect(plan.warnings.map(({ code }) => code)).toContain('num-candidates');
    expect(plan.warnings.find(({ code }) => code === 'num-candidates')?.message).toContain(
      '"num_candidates"',
    );
  });

  it('raises the windows of a whole retriever tree', () => {
    const retriever = {
      text_similarity_reranker: {
        retriever: {
          rrf: {
            retrievers: [
              { standard: { query } },
              { retriever: { knn: { field: 'v', query_vector: [1], k: 10, num_candidates: 20 } }, weight: 2 },
            ],
            rank_window_size: 50,
          },
        },
        field: 'body',
        inference_text: 'stars',
      },
    };
    expect(sentFor({ retriever })).toEqual({
      size: 100,
      retriever: {
        text_similarity_reranker: {
          ...retriever.text_similarity_reranker,
          rank_window_size: 100,
          retriever: {
            rrf: {
              retrievers: [
                { standard: { query } },
                {
                  retriever: { knn: { field: 'v', query_vector: [1], k: 100, num_candidates: 100 } },
                  weight: 2,
                },
              ],
              rank_window_size: 100,
            },
          },
        },
      },
    });
  });

  it('fetches no more than a retriever of its own window gives, so that its pages stay of one list', () => {
    const retriever = { rrf: { retrievers: [{ standard: { query } }], rank_window_size: 50 } };
    expect(sentFor({ retriever, from: 96, size: 8 })).toMatchObject({ from: 0, size: 100 });
  });

  it('raises what a rescorer retriever rescores, and says so', () => {
    const retriever = {
      rescorer: {
        retriever: { standard: { query } },
        rescore: { window_size: 20, query: { rescore_query: query } },
      },
    };
    const plan = elastic.plan({ retriever }, window);
    expect(plan.request).toMatchObject({ retriever: { rescorer: { rescore: { window_size: 100 } } } });
    expect(plan.warnings.map(({ code }) => code)).toEqual(['rescore-window']);
  });

  it("raises OpenSearch's k, in knn, neural and hybrid clauses, and the hybrid's depth", () => {
    const knn = { knn: { v: { vector: [1], k: 10 } } };
    const neural = { neural: { v: { query_text: 'stars', k: 10, model_id: 'm' } } };
    expect(bodyFor({ query: { hybrid: { pagination_depth: 20, queries: [query, knn, neural] } } })).toEqual({
      size: 100,
      query: {
        hybrid: {
          pagination_depth: 100,
          queries: [
            query,
            { knn: { v: { vector: [1], k: 100 } } },
            { neural: { v: { query_text: 'stars', k: 100, model_id: 'm' } } },
          ],
        },
      },
    });
  });

  it('leaves a radial search without k alone', () => {
    const body = { query: { bool: { must: [query, { knn: { v: { vector: [1], min_score: 0.8 } } }] } } };
    expect(bodyFor(body)['query']).toBe(body.query);
  });

  it('fetches no further than index.max_result_window, and names it', () => {
    const plan = elastic.plan({ query }, { rankWindowSize: 20_000 });
    expect(plan.request).toMatchObject({ size: 10_000 });
    expect(plan.warnings).toEqual([
      { code: 'max-result-window', message: expect.stringContaining('"index.max_result_window" (10000)') },
    ]);
    const raised = elasticsearchSilent({ maxResultWindow: 50_000 });
    expect(raised.plan({ query }, { rankWindowSize: 20_000 })).toMatchObject({
      request: { size: 20_000 },
      warnings: [],
    });
  });
});

describe('options', () => {
  it.each([
    ['no fields', { fields: undefined }, 'fields'],
    ['an empty list of fields', { fields: [] }, 'fields'],
    ['fields and a template', { fields: ['a'], template: '{a}' }, 'fields'],
    ['a template without a field', { template: 'title' }, 'template'],
    ['a question that cannot be', { query: { path: 3 } }, 'query'],
    ['a pin that is no function', { isPinned: true }, 'isPinned'],
    ['a limit that cannot be', { maxResultWindow: 0 }, 'maxResultWindow'],
    ['no client', { client: undefined }, 'client'],
  ])('refuse %s', (_what, options, path) => {
    for (const make of [elasticsearchSilent, openSearchSilent]) {
      const call = (): unknown => make({ ...options } as never);
      expect(call).toThrow(ConfigurationError);
      expect(call).toThrow(expect.objectContaining({ issues: [expect.objectContaining({ path })] }));
    }
  });
});
