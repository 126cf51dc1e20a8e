import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../adapters/adapter.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';

const window = { rankWindowSize: 100, queryText: 'stars' };
const knn = { field: 'v', query_vector: [1], k: 5, num_candidates: 50 };
const elastic = elasticsearchSilent();

const planned = (request: object): Plan<object> => elastic.plan({ size: 5, ...request } as object, window);
const codes = (plan: Plan<object>): readonly string[] => plan.warnings.map(({ code }) => code);
const plannedOpen = (body: Record<string, unknown>): Plan<{ body?: unknown }> =>
  openSearchSilent().plan({ index: 'i', body: { size: 5, ...body } }, window);

const counts = { terms: { field: 'color' } };
const parts: readonly (readonly [string, object])[] = [
  ['aggs', { aggs: { counts } }],
  ['aggregations', { aggregations: { counts } }],
  ['post_filter', { post_filter: { term: { color: 'red' } } }],
  ['terminate_after', { terminate_after: 1000 }],
  ['collapse.inner_hits', { collapse: { field: 'color', inner_hits: { name: 'more' } } }],
];

describe('a vector search beside what is made of all its neighbours', () => {
  it.each(parts)('keeps its k with %s, and says what to do for a larger window', (name, part) => {
    for (const search of [{ knn }, { retriever: { knn } }, { query: { bool: { should: [{ knn }] } } }]) {
      const plan = planned({ ...search, ...part });
      expect(plan.request).toEqual({ ...search, ...part, size: 100 });
      expect(codes(plan)).toContain('neighbours-left');
      const { message } = plan.warnings.find(({ code }) => code === 'neighbours-left')!;
      expect(message).toContain(`Only the 5 nearest neighbours`);
      expect(message).toContain(`"${name}"`);
    }
    const query = { hybrid: { queries: [{ knn: { v: { vector: [1], k: 5 } } }] } };
    const open = plannedOpen({ query, ...part });
    expect((open.request.body as { query: unknown }).query).toBe(query);
    expect(codes(open)).toEqual(['neighbours-left']);
  });

  it('names the k that Elasticsearch takes from the size of the page', () => {
    const { k: _k, ...unnamed } = knn;
    const aggs = { counts };
    expect(planned({ knn: unnamed, aggs }).request).toMatchObject({ size: 100, knn: { ...unnamed, k: 5 } });
    const few = { ...unnamed, num_candidates: 3 };
    expect(planned({ query: { knn: few }, aggs }).request).toMatchObject({ query: { knn: { k: 3 } } });
  });

  it('has nothing to warn of when it reaches as far as the window', () => {
    const deep = { ...knn, k: 100, num_candidates: 500 };
    expect(codes(planned({ knn: deep, aggs: { counts } }))).toEqual([]);
    expect(planned({ knn: deep, aggs: { counts } }).request).toMatchObject({ knn: deep });
  });

  it('does not count collapsed groups without members, inner hits of nested documents or suggestions', () => {
    const nested = { nested: { path: 'notes', query: { knn }, inner_hits: { size: 1 } } };
    const rest = { collapse: { field: 'color' }, suggest: { s: {} }, profile: true };
    expect(planned({ query: nested, ...rest }).request).toMatchObject({
      query: { nested: { query: { knn: { k: 100 } } } },
    });
  });
});

describe('a vector search whose k is raised', () => {
  it('is told to count more hits than the request would', () => {
    const plan = planned({ knn });
    expect(plan.request).toMatchObject({ knn: { k: 100, num_candidates: 100 } });
    expect(codes(plan)).toEqual(['neighbours-counted']);
    expect(plan.warnings[0]!.message).toContain('the 100 nearest neighbours');
    expect(codes(plannedOpen({ query: { knn: { v: { vector: [1], k: 5 } } } }))).toEqual([
      'neighbours-counted',
    ]);
    const { k: _k, ...unnamed } = knn;
    expect(codes(planned({ knn: unnamed }))).toEqual(['neighbours-counted']);
    expect(codes(planned({ query: { semantic: { field: 'a', query: 'stars' } } }))).toEqual([
      'neighbours-counted',
    ]);
  });

  it('is told nothing where nobody counts', () => {
    expect(codes(planned({ knn, track_total_hits: false }))).toEqual([]);
    const query = { semantic: { field: 'a', query: 'stars' } };
    expect(codes(planned({ query, track_total_hits: false }))).toEqual([]);
  });
});

describe('a search by words', () => {
  it('is fetched to the window whatever is made of its matches, which are the same', () => {
    const query = { match: { title: 'stars' } };
    for (const [, part] of parts.filter(([name]) => name !== 'terminate_after')) {
      expect(planned({ query, ...part })).toMatchObject({
        request: { query, ...part, size: 100 },
        warnings: [],
      });
    }
  });

  it('is told that Elasticsearch may end sooner where the request limits its visits', () => {
    const query = { match: { title: 'stars' } };
    expect(codes(planned({ query, terminate_after: 10 }))).toEqual(['terminated-early']);
    expect(codes(planned({ query, terminate_after: 0 }))).toEqual([]);
    expect(codes(planned({ query, size: 100, terminate_after: 10 }))).toEqual([]);
    expect(codes(plannedOpen({ query, terminate_after: 10 }))).toEqual([]);
  });
});
