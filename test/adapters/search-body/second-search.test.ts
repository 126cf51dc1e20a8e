import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../adapters/adapter.ts';
import { searchBodySettings, searchReader } from '../../../adapters/search-body/index.ts';
import type { SearchBodyOptions } from '../../../adapters/search-body/options.ts';

// biome-ignore lint/suspicious/noExplicitAny: requests and responses of both servers have many shapes.
type Json = any;

const readerOf = (adapter: string, options: SearchBodyOptions = {}) => {
  const layout = adapter === 'elasticsearch' ? ('flat' as const) : ('body' as const);
  return searchReader<Json, Json>(searchBodySettings({ fields: ['title'], ...options }, { adapter, layout }));
};
const wanted = { vector: [0.6, 0.8], k: 50, field: 'anchors' };
const query = { bool: { must: { match: { title: 'stars' } }, filter: [{ term: { lang: 'en' } }] } };
const filter = { bool: { must: [{ match_all: {} }], filter: [{ term: { lang: 'en' } }] } };
const hit = (id: string, index = 'i') => ({ _index: index, _id: id, _score: 9, _source: { title: id } });
const answer = (...hits: object[]) => ({ took: 1, hits: { total: { value: 7 }, max_score: 9, hits } });

/** The plan of a second search for a request. */
const secondPlan = (adapter: string, request: object, options?: SearchBodyOptions): Plan<Json> => {
  const reader = readerOf(adapter, options);
  return reader.planSecondSearch(reader.plan(request, { rankWindowSize: 100 }), wanted) as Plan<Json>;
};

describe('planSecondSearch', () => {
  it('asks Elasticsearch for the nearest documents that pass the filters of the first request', () => {
    const request = { index: 'i', routing: 'r', preference: 'p', query, size: 5, from: 5 };
    const plan = secondPlan('elasticsearch', request);
    expect(plan).toMatchObject({ isSecondSearch: true, rankWindowSize: 50, warnings: [] });
    expect(plan.request).toEqual({
      index: 'i',
      routing: 'r',
      preference: 'p',
      size: 50,
      knn: { field: 'anchors', query_vector: [0.6, 0.8], k: 50, num_candidates: 100, filter },
    });
  });

  it('asks OpenSearch in its own grammar, and leaves the words of the address out', () => {
    expect(secondPlan('opensearch', { index: 'i', routing: 'r', body: { query } }).request).toEqual({
      index: 'i',
      routing: 'r',
      body: { size: 50, query: { knn: { anchors: { vector: [0.6, 0.8], k: 50, filter } } } },
    });
    expect(secondPlan('opensearch', { index: 'i', q: 'stars', df: 'title', body: {} }).request).toEqual({
      index: 'i',
      body: { size: 50, query: { knn: { anchors: { vector: [0.6, 0.8], k: 50 } } } },
    });
  });

  it('asks for hits of the same form, and for nothing that is told of all matches', () => {
    const kept = {
      _source: ['title', 'shop'],
      fields: ['date'],
      docvalue_fields: ['n'],
      runtime_mappings: { r: { type: 'long' } },
      timeout: '1s',
    };
    const left = {
      aggs: { a: { terms: { field: 'x' } } },
      highlight: { fields: { title: {} } },
      suggest: {},
      min_score: 2,
      track_total_hits: true,
    };
    const { request } = secondPlan('elasticsearch', { index: 'i', query, ...kept, ...left });
    expect(request).toEqual({ index: 'i', ...kept, size: 50, knn: expect.anything() });
  });

  it('says why there can be no second search', () => {
    expect(secondPlan('elasticsearch', { query, collapse: { field: 'shop' } })).toBe('collapse');
    expect(secondPlan('opensearch', { q: 'stars -sun' })).toBe('unknown-restriction');
  });

  it('knows the vectors that a build has stored, and those of the user', () => {
    const fieldOf = (states: SearchBodyOptions['states']) => readerOf('opensearch', { states }).vectorField;
    expect(fieldOf({ kind: 'field', vector: true })).toBe('blockrank_state.vector');
    expect(fieldOf({ kind: 'vector', field: 'anchors' })).toBe('anchors');
    expect([fieldOf({ kind: 'field' }), fieldOf({ kind: 'sidecar', generation: 'g' })]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('mergeSecondSearch', () => {
  const reader = readerOf('elasticsearch');
  const plan = reader.plan({ query, size: 4 }, { rankWindowSize: 2 });
  const first = { ...answer(hit('a'), hit('b'), hit('c')), aggregations: { x: 1 } };
  const second = answer(hit('b'), hit('d'), hit('c'), hit('a', 'other'));
  const merged = reader.mergeSecondSearch(plan, first, second);
  const idsOf = ({ hits: { hits } }: Json) => hits.map(({ _index, _id }: Json) => `${_index}/${_id}`);

  it('puts new hits behind the window, and none twice', () => {
    expect(idsOf(merged.response)).toEqual(['i/a', 'i/b', 'i/d', 'other/a', 'i/c']);
    expect(idsOf(merged.added)).toEqual(['i/d', 'other/a']);
    expect(merged).toMatchObject({ found: 4, plan: { rankWindowSize: 4, addedHits: 2 } });
  });

  it("keeps the first response's aggregations and total", () => {
    expect(merged.response).toMatchObject({ aggregations: { x: 1 }, hits: { total: { value: 7 } } });
  });

  it('gives the same once more from the added hits alone', () => {
    const again = reader.mergeSecondSearch(plan, first, merged.added);
    expect([again.response, again.plan]).toEqual([merged.response, merged.plan]);
  });

  it('is marked hit by hit: who found it, and its rank in the first stage', () => {
    const ranked = [2, 0, 1, 3].map((index, i) => ({
      index,
      logit: -i,
      score: 0.25,
      firstStageRank: index + 1,
      ...(index > 1 && { fromSecondSearch: true as const }),
    }));
    const outcome = {
      reranked: true as const,
      hits: ranked,
      keepsTail: true,
      usage: { tokens: 1, truncatedTokens: 0, statesFound: 4, statesEncoded: 0 },
      secondSearch: { read: 2, found: 4, added: 2, tookMs: 3 },
      cached: false,
      timings: { firstStageMs: 1, rerankMs: 1, totalMs: 2 },
      warnings: [],
    };
    const wide = { ...merged.plan, page: { from: 0, size: 9 } };
    const { hits, blockrank } = reader.applyOutcome(wide, merged.response, outcome) as Json;
    expect(blockrank).toMatchObject({ rankWindowSize: 4, secondSearch: { added: 2 } });
    expect(
      hits.hits.map(({ _id, blockrank: mark }: Json) => [_id, mark.firstStageRank, mark.fromSecondSearch]),
    ).toEqual([
      ['d', 3, true],
      ['a', 1, undefined],
      ['b', 2, undefined],
      ['a', 4, true],
      // Behind the window a hit keeps the rank that the first stage gave it.
      ['c', 3, undefined],
    ]);
    expect(hits.hits[0].blockrank).not.toHaveProperty('firstStageScore');
    expect(hits.total).toEqual({ value: 7 });
  });
});
