import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../../adapters/adapter.ts';
import type { ElasticsearchRequest, ElasticsearchResponse } from '../../../adapters/elasticsearch/index.ts';
import { filterSource } from '../../../adapters/search-body/filter-source.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';
import { anyTimings, rankedOutcome } from '../../support/tiny/outcomes.ts';

const query = { match: { title: 'stars' } };

/** A recorded answer of a server, with everything that a search can bring. */
const recorded = {
  took: 12,
  timed_out: false,
  pit_id: 'p2',
  _shards: {
    total: 2,
    successful: 1,
    skipped: 0,
    failed: 1,
    failures: [{ shard: 0, reason: { type: 'x' } }],
  },
  hits: {
    total: { value: 3, relation: 'eq' },
    max_score: 3,
    hits: [
      {
        _index: 'i',
        _id: 'a',
        _score: 3,
        _source: { title: 'A', year: 1 },
        fields: { author: ['x'] },
        highlight: { title: ['<em>A</em>'] },
        inner_hits: {
          more: { hits: { total: { value: 1, relation: 'eq' }, hits: [{ _id: 'z', _score: 1 }] } },
        },
        matched_queries: ['q'],
        sort: [3, 7],
      },
      { _index: 'i', _id: 'b', _score: 2, _source: { title: 'B', year: 2 }, _explanation: { value: 2 } },
      { _index: 'j', _id: 'a', _score: 1, _source: { title: 'C', year: 3 } },
    ],
  },
  aggregations: { years: { buckets: [{ key: 1, doc_count: 1 }] } },
  suggest: { s: [] },
  profile: { shards: [] },
};

/** The recorded answer after an outcome in this order. */
function applied(
  order: readonly number[],
  asked: object = { query },
  response: object = recorded,
): ElasticsearchResponse {
  const adapter = elasticsearchSilent();
  const plan = adapter.plan(asked, { rankWindowSize: 10 });
  return adapter.applyOutcome(plan, response as unknown as ElasticsearchResponse, rankedOutcome(order));
}

describe('applyOutcome', () => {
  it('changes order, scores and marks, and nothing else of a response', () => {
    const { hits, blockrank, ...rest } = applied([2, 0, 1]);
    const { hits: recordedHits, ...recordedRest } = recorded;
    expect(rest).toEqual(recordedRest);
    expect(blockrank?.reranked).toBe(true);
    expect({ ...hits, hits: [] }).toEqual({ ...recordedHits, max_score: 0.5, hits: [] });
    const expected = [2, 0, 1].map((index, place) => ({
      ...recordedHits.hits[index],
      _score: [1 / 2, 1 / 3, 1 / 6][place],
      blockrank: {
        rank: place + 1,
        score: [1 / 2, 1 / 3, 1 / 6][place],
        firstStageRank: index + 1,
        firstStageScore: recordedHits.hits[index]!._score,
      },
    }));
    expect(hits.hits).toEqual(expected);
  });

  it('adds no total where there was none', () => {
    const { total: _total, ...hits } = recorded.hits;
    expect(
      applied([1, 0, 2], { query, track_total_hits: false }, { ...recorded, hits }).hits,
    ).not.toHaveProperty('total');
  });

  it('gives a page without hits a best score of null', () => {
    const empty = { ...recorded, hits: { total: { value: 0, relation: 'eq' }, max_score: null, hits: [] } };
    expect(applied([], { query }, empty).hits).toEqual(empty.hits);
  });

  it('takes out the highlight that the plan had added, and only that', () => {
    const adapter = elasticsearchSilent({ highlight: true });
    for (const [asked, isKept] of [
      [{ query }, false],
      [{ query, highlight: { fields: {} } }, true],
    ] as const) {
      const plan = adapter.plan(asked, { rankWindowSize: 10 });
      const response = recorded as unknown as ElasticsearchResponse;
      const { hits } = adapter.applyOutcome(plan, response, rankedOutcome([0, 1, 2]));
      expect('highlight' in hits.hits[0]!).toBe(isKept);
    }
  });

  it('leaves the answer to a refused plan as it came, but for the reason', () => {
    const adapter = elasticsearchSilent();
    const plan = adapter.plan({ query, sort: ['year'], from: 1, size: 1 }, { rankWindowSize: 10 });
    const outcome = { reranked: false, reason: 'explicit-sort', timings: anyTimings, warnings: [] } as const;
    const answer = adapter.applyOutcome(plan, recorded as unknown as ElasticsearchResponse, outcome);
    expect(answer).toEqual({
      ...recorded,
      blockrank: { reranked: false, reason: 'explicit-sort', timings: anyTimings },
    });
  });

  it('marks the answer to a refused plan that has no hits, and leaves alone what is no object', () => {
    const adapter = elasticsearchSilent();
    const plan = adapter.plan({ query, filter_path: 'took' }, { rankWindowSize: 10 });
    const reason = 'unsupported-request';
    const outcome = { reranked: false, reason, timings: anyTimings, warnings: [] } as const;
    const applied = (answer: unknown) => adapter.applyOutcome(plan, answer as ElasticsearchResponse, outcome);
    expect(applied({ took: 12 })).toEqual({
      took: 12,
      blockrank: { reranked: false, reason, timings: anyTimings },
    });
    expect(applied('---\ntook: 12\n')).toBe('---\ntook: 12\n');
  });

  it('refuses a position that is not on the shortlist', () => {
    expect(() => applied([0, 1, 3])).toThrow(RangeError);
  });
});

describe('_source', () => {
  const whole = { title: 'T', body: 'B', year: 1, meta: { a: 1, b: 2 } };
  it.each([
    ['all', undefined, undefined, whole],
    ['true', true, true, whole],
    ['false', false, ['title', 'body'], undefined],
    ['one field', 'year', { includes: ['year', 'title', 'body'] }, { year: 1 }],
    ['a list', ['year', 'title'], { includes: ['year', 'title', 'body'] }, { year: 1, title: 'T' }],
    [
      'a list that has what is read',
      ['b*', 't*', 'year'],
      ['b*', 't*', 'year'],
      { title: 'T', body: 'B', year: 1 },
    ],
    [
      'excludes',
      { excludes: ['body', 'meta.b'] },
      { excludes: ['meta.b'] },
      { title: 'T', year: 1, meta: { a: 1 } },
    ],
    [
      'an exclude of what is read alone',
      { exclude: 'body' },
      true,
      { title: 'T', year: 1, meta: { a: 1, b: 2 } },
    ],
    [
      'both',
      { includes: ['meta.*', 'body'], excludes: ['*.b'] },
      { includes: ['meta.*', 'body', 'title'], excludes: ['*.b'] },
      { body: 'B', meta: { a: 1 } },
    ],
  ])('comes back as chosen: %s', (_what, chosen, sent, returned) => {
    for (const adapter of [elasticsearchSilent(), openSearchSilent()]) {
      const body = { query, size: 10, ...(chosen !== undefined && { _source: chosen }) };
      const plan = adapter.plan({ body } as never, { rankWindowSize: 10 });
      const sentBody = plan.request.body as Record<string, unknown>;
      expect(sentBody['_source']).toEqual(sent);
      const fetched = fetchedBy(sentBody['_source']);
      const response = { hits: { hits: [{ _id: '1', _score: 1, _source: fetched }] } };
      expect(adapter.toShortlist(plan as never, response as never).candidates[0]?.text).toBe('T B');
      const answer = adapter.applyOutcome(plan as never, response as never, rankedOutcome([0]));
      expect(answer.hits.hits[0]!._source).toEqual(returned);
      expect('_source' in answer.hits.hits[0]!).toBe(returned !== undefined);
    }
  });

  /** What a server gives of the document. */
  function fetchedBy(sent: unknown): unknown {
    if (sent === undefined || sent === true) return whole;
    const { includes = [], excludes = [] } = (Array.isArray(sent) ? { includes: sent } : sent) as Record<
      string,
      string[]
    >;
    return filterSource(whole, { includes, excludes });
  }

  it('is read from the address, which wins on the servers', () => {
    const adapter = elasticsearchSilent();
    const asked = {
      query,
      size: 10,
      _source: true,
      _source_includes: 'year,meta.a',
      _source_excludes: ['title'],
    };
    const plan = adapter.plan(asked as ElasticsearchRequest, { rankWindowSize: 10 });
    expect(plan.request).toEqual({
      query,
      size: 10,
      _source: { includes: ['year', 'meta.a', 'title', 'body'] },
    });
    const response = { hits: { hits: [{ _id: '1', _source: { ...whole, meta: { a: 1 } } }] } };
    const answer = adapter.applyOutcome(plan, response as never, rankedOutcome([0]));
    expect(answer.hits.hits[0]!._source).toEqual({ year: 1, meta: { a: 1 } });
  });

  const document = { title: 'T', body: 'B', a: 1, n: 2, ' n': 3, 'a,n': 4 };
  type Silent = Adapter<object, { hits: { hits: readonly { _source?: unknown }[] } }>;
  /** What comes back of the document for a request, whatever more was fetched. */
  function returnedFor(adapter: unknown, request: object): unknown {
    const { plan, applyOutcome } = adapter as Silent;
    const response = { hits: { hits: [{ _id: '1', _score: 1, _source: document }] } };
    const answer = applyOutcome(plan(request, { rankWindowSize: 10 }), response, rankedOutcome([0]));
    return answer.hits.hits[0]!._source;
  }

  // Each as OpenSearch 2.19 and 3.6 and Elasticsearch 8.19 and 9.5 were seen to give it.
  it.each([
    ['text in a body: one pattern', { body: { query, _source: 'a,n' } }, { 'a,n': 4 }],
    ['the same inside an object', { body: { query, _source: { includes: 'a,n' } } }, { 'a,n': 4 }],
    ['empty text in a body: a pattern that nothing fits', { body: { query, _source: '' } }, {}],
    ['text in an address: a list', { _source: 'a,n', body: { query } }, { a: 1, n: 2 }],
    ['an empty parameter: no choice', { _source: '', body: { query, _source: ['a'] } }, document],
    ['empty includes: no choice', { _source_includes: '', body: { query } }, document],
    ['empty excludes: no choice', { _source_excludes: '', body: { query } }, document],
    [
      'excludes of an address: nothing of the body counts',
      { _source_excludes: 'title,body,a', body: { query, _source: ['a'] } },
      { n: 2, ' n': 3, 'a,n': 4 },
    ],
    [
      'includes of an address over "false" in the body',
      { _source_includes: 'n', body: { query, _source: false } },
      { n: 2 },
    ],
  ])('is read as the servers read %s', (_what, request, expected) => {
    expect(returnedFor(openSearchSilent(), request)).toEqual(expected);
  });

  it("is a pattern in Elasticsearch's flat requests, which its client sends in the body", () => {
    expect(returnedFor(elasticsearchSilent(), { query, _source: 'a,n' })).toEqual({ 'a,n': 4 });
  });

  it('has blanks around a pattern for OpenSearch alone', () => {
    const request = { body: { query, _source: ['a', ' n'] } };
    expect(returnedFor(openSearchSilent(), request)).toEqual({ a: 1, ' n': 3 });
    expect(returnedFor(elasticsearchSilent(), request)).toEqual({ a: 1, n: 2 });
  });

  it('is none where stored fields are asked for instead', () => {
    const adapter = elasticsearchSilent();
    const plan = adapter.plan({ query, stored_fields: ['x'] }, { rankWindowSize: 10 });
    expect(plan.request._source).toEqual(['title', 'body']);
  });
});

describe('filterSource', () => {
  const source = { a: { b: 1, c: [{ d: 1, e: 2 }, { e: 3 }], f: [] }, 'x.y': 1, z: [1, 2], n: null };
  it.each([
    [[], [], source],
    [['a.c.d'], [], { a: { c: [{ d: 1 }] } }],
    [['a'], ['a.c.e'], { a: { b: 1, c: [{ d: 1 }, {}], f: [] } }],
    [['*.d', 'z'], [], { a: { c: [{ d: 1 }] }, z: [1, 2] }],
    [['x.y', 'n'], [], { 'x.y': 1, n: null }],
    [[], ['a', 'z'], { 'x.y': 1, n: null }],
    [['gone'], [], {}],
    [['x'], [], { 'x.y': 1 }],
    [[], ['x', 'a', 'z'], { n: null }],
  ])('keeps of a document what %j without %j leaves', (includes, excludes, expected) => {
    expect(filterSource(source, { includes, excludes })).toEqual(expected);
  });
});

describe('plan, then applyOutcome', () => {
  it('never loses, invents or repeats a hit, whatever the list, the pages and the order', () => {
    const cases = fc.record({
      count: fc.integer({ min: 0, max: 60 }),
      rankWindowSize: fc.integer({ min: 1, max: 40 }),
      size: fc.integer({ min: 1, max: 25 }),
      seed: fc.array(fc.integer(), { minLength: 40, maxLength: 40 }),
      isReranked: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ count, rankWindowSize, size, seed, isReranked }) => {
        // Ids repeat on purpose: several indices may hold the same one.
        const all = Array.from({ length: count }, (_, i) => ({
          _index: `i${i % 2}`,
          _id: `${i >> 1}`,
          _score: -i,
        }));
        const order = [...seed.slice(0, Math.min(rankWindowSize, count)).keys()].sort(
          (a, b) => seed[a]! - seed[b]!,
        );
        const pages = [elasticsearchSilent(), openSearchSilent()].map((adapter) =>
          Array.from({ length: Math.ceil(count / size) + 1 }, (_, page) => {
            const asked = { body: { query, from: page * size, size } };
            const plan = adapter.plan(asked as never, { rankWindowSize });
            const sent = plan.request.body as { from: number; size: number };
            const hits = all.slice(sent.from, sent.from + sent.size);
            const reason = plan.reason ?? (isReranked ? undefined : 'deadline');
            const outcome = reason
              ? ({ reranked: false, reason, timings: anyTimings, warnings: [] } as const)
              : rankedOutcome(order);
            return adapter.applyOutcome(plan as never, { hits: { hits } } as never, outcome).hits.hits;
          }),
        );
        for (const given of pages) {
          expect(given.every((page) => page.length <= size)).toBe(true);
          const names = given.flat().map(({ _index, _id }) => `${_index}/${_id}`);
          const first = all.map(({ _index, _id }) => `${_index}/${_id}`);
          const expected = isReranked
            ? [...order.map((i) => first[i]!), ...first.slice(rankWindowSize)]
            : first;
          expect(names).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });
});
