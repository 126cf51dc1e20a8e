import { describe, expect, it } from 'vitest';
import type { ElasticsearchResponse } from '../../../adapters/elasticsearch/index.ts';
import { FirstStageError, type Shortlist } from '../../../engine/index.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';

const request = { query: { match: { title: 'stars' } } };
type Options = Parameters<typeof elasticsearchSilent>[0];

/** What is read from these hits. */
function read(hits: readonly object[], options: Options = {}, asked: object = request): Shortlist {
  const adapter = elasticsearchSilent(options);
  const plan = adapter.plan(asked, { rankWindowSize: 100 });
  return adapter.toShortlist(plan, { hits: { hits } } as unknown as ElasticsearchResponse);
}

/** What is read from one document. */
function textOf(source: unknown, options: Options = {}, rest: object = {}): string {
  return read([{ _id: '1', _source: source, ...rest }], options).candidates[0]!.text;
}

describe('document text', () => {
  it.each([
    ['fields in their order', { body: 'B', title: 'T' }, 'T B'],
    ['no separator for a missing field', { body: 'B' }, 'B'],
    ['nothing for a document without the fields', { year: 1 }, ''],
    ['lists joined', { title: ['a', 'b', ['c']], body: ['d'] }, 'a b c d'],
    ['numbers and booleans as they print', { title: 7, body: [1.5, false] }, '7 1.5 false'],
    ['nothing for null and objects', { title: null, body: { a: 'x' } }, ''],
    ['the words of an older semantic_text', { title: { text: 'T', inference: {} }, body: 'B' }, 'T B'],
    ['odd characters as they are', { title: '\ud800 \u0000', body: 'שלום 🌟' }, '\ud800 \u0000 שלום 🌟'],
  ])('is %s', (_what, source, expected) => {
    expect(textOf(source)).toBe(expected);
  });

  it('is found under nested objects, dotted names and lists of objects', () => {
    const options = { fields: ['a.b.c'] };
    for (const source of [
      { a: { b: { c: 'x' } } },
      { 'a.b': { c: 'x' } },
      { a: { 'b.c': 'x' } },
      { 'a.b.c': 'x' },
    ]) {
      expect(textOf(source, options)).toBe('x');
    }
    expect(textOf({ a: [{ b: { c: 'x' } }, { b: [{ c: 'y' }, { d: 1 }] }] }, options)).toBe('x y');
  });

  it('is taken from fetched fields where the source has none', () => {
    expect(textOf(undefined, {}, { fields: { title: ['T'], body: ['B'] } })).toBe('T B');
  });

  it('follows separator and template', () => {
    expect(textOf({ title: 'T', body: 'B' }, { separator: '\n\n' })).toBe('T\n\nB');
    expect(textOf({ title: 'T', year: 1990 }, { template: '{{{title}}} ({year}): {body}.' })).toBe(
      '{T} (1990): .',
    );
  });

  it('holds a document of 1 MB whole', () => {
    const body = 'word '.repeat(200_000);
    expect(textOf({ title: 'T', body })).toBe(`T ${body}`);
  });

  it('knows where each field lies', () => {
    const { text, segments } = read([{ _source: { title: 'T🌟', body: 'Body' } }]).candidates[0]!;
    expect(segments.map(({ field, start, end }) => [field, text.slice(start, end)])).toEqual([
      ['title', 'T🌟'],
      ['body', 'Body'],
    ]);
  });

  it('knows where each field lies in a template', () => {
    const { segments } = read([{ _source: { a: 'x', b: 'yz' } }], { template: 'A: {a}, B: {b}' })
      .candidates[0]!;
    expect(segments).toEqual([
      { field: 'a', start: 3, end: 4 },
      { field: 'b', start: 9, end: 11 },
    ]);
  });
});

describe('highlight as text', () => {
  const source = { title: 'All about it', body: 'Many words. Some stars here. More words. A star there.' };
  const highlight = { body: ['Some <em>stars</em> here.', 'A <em>star</em> there.'] };

  it('is the fragments without their tags, and the whole field where there are none', () => {
    const { text, segments } = read(
      [{ _source: source, highlight }],
      { highlight: true },
      {
        ...request,
        highlight: { fields: { body: {} } },
      },
    ).candidates[0]!;
    expect(text).toBe('All about it Some stars here. … A star there.');
    expect(segments).toEqual([
      { field: 'title', start: 0, end: 12 },
      { field: 'body', start: 13, end: 29, fieldStart: 12 },
      { field: 'body', start: 32, end: 45, fieldStart: 41 },
    ]);
  });

  it('knows tags of its own', () => {
    const asked = { ...request, highlight: { pre_tags: ['['], fields: { body: { post_tags: [']'] } } } };
    const hit = { _source: source, highlight: { body: ['Some [stars] here.'] } };
    expect(read([hit], { highlight: true }, asked).candidates[0]!.text).toBe('All about it Some stars here.');
  });

  it('claims no place for a fragment that is not in the field', () => {
    const hit = { _source: { title: 'T' }, highlight: { body: ['gone'] } };
    const { text, segments } = read([hit], { highlight: true }).candidates[0]!;
    expect(text).toBe('T gone');
    expect(segments).toEqual([{ field: 'title', start: 0, end: 1 }]);
  });

  it('asks for bare fragments when the request has no highlight', () => {
    const plan = elasticsearchSilent({ highlight: true }).plan(request, { rankWindowSize: 10 });
    expect(plan.request.highlight).toEqual({
      pre_tags: [''],
      post_tags: [''],
      fields: { title: {}, body: {} },
    });
    const own = { ...request, highlight: { fields: { title: {} } } };
    expect(elasticsearchSilent({ highlight: true }).plan(own, { rankWindowSize: 10 }).request).toBe(own);
  });
});

describe('scores', () => {
  it.each([[1.5], [0], [-9.5e9], [1e308], [Number.NaN], [Number.POSITIVE_INFINITY]])(
    'pass through: %d',
    (_score) => {
      expect(read([{ _id: '1', _score }]).candidates[0]!.firstStageScore).toBe(_score);
    },
  );

  it.each([[null], [undefined], ['3']])('are missing when they are none: %j', (_score) => {
    expect(read([{ _id: '1', _score }]).candidates[0]).not.toHaveProperty('firstStageScore');
  });
});

describe('candidates', () => {
  it('share an id when their hits do', () => {
    const hits = [
      { _index: 'a', _id: '1' },
      { _index: 'b', _id: '1' },
    ];
    expect(read(hits).candidates.map(({ docId }) => docId)).toEqual(['1', '1']);
  });

  it('are no more than the window, out of 5,000', () => {
    const hits = Array.from({ length: 5000 }, (_, i) => ({ _id: `${i}`, _source: {} }));
    expect(read(hits).candidates).toHaveLength(100);
  });
});

describe('the kind of first stage', () => {
  const words = { match: { a: 'stars' } };
  const knn = { field: 'v', query_vector: [1], k: 5 };
  it.each([
    ['lexical', { query: { bool: { must: [words], filter: [{ knn }] } } }],
    ['lexical', { q: 'stars' }],
    ['vector', { knn }],
    ['vector', { query: { neural: { v: { query_text: 'stars' } } } }],
    [
      'vector',
      {
        query: {
          script_score: { query: { match_all: {} }, script: { source: "cosineSimilarity(params.v, 'v')" } },
        },
      },
    ],
    ['hybrid', { query: words, knn }],
    ['hybrid', { query: { hybrid: { queries: [words] } } }],
    ['hybrid', { retriever: { rrf: { retrievers: [{ standard: { query: words } }] } } }],
    ['lexical', { retriever: { standard: { query: words } } }],
    [
      'unknown',
      {
        retriever: {
          text_similarity_reranker: { retriever: { standard: { query: words } }, inference_text: 'x' },
        },
      },
    ],
    ['unknown', { query: { match_all: {} } }],
  ])('is %s for %j', (kind, asked) => {
    expect(read([], { query: { text: 'stars' } }, asked).firstStage).toBe(kind);
  });
});

describe('pinned hits', () => {
  const hits = [
    { _id: 'a', _index: 'i', _score: 1.7014122e38 },
    { _id: 'b', _index: 'i', _score: 3 },
    { _id: 'c', _index: 'j', _score: 2 },
  ];
  const organic = { match: { a: 'stars' } };

  it.each([
    [[0], { query: { pinned: { ids: ['a'], organic } } }],
    [
      [1],
      {
        query: {
          pinned: {
            docs: [
              { _id: 'b', _index: 'i' },
              { _id: 'c', _index: 'other' },
            ],
            organic,
          },
        },
      },
    ],
    [[1], { retriever: { pinned: { ids: ['b'], retriever: { standard: { query: organic } } } } }],
    [[0], { query: { rule: { ruleset_ids: ['r'], match_criteria: { q: 'stars' }, organic } } }],
    [undefined, { query: { bool: { should: [{ pinned: { ids: ['a'], organic } }] } } }],
  ])('are %j for %j', (pinned, asked) => {
    expect(read(hits, {}, asked).pinned).toEqual(pinned);
  });

  it('are those that the option names', () => {
    expect(read(hits, { isPinned: ({ _id }) => _id === 'c' }).pinned).toEqual([2]);
  });

  it('give no score, for a pin says nothing of how well it fits', () => {
    const { candidates } = read(hits, {}, { query: { pinned: { ids: ['a'], organic } } });
    expect(candidates.map(({ firstStageScore }) => firstStageScore)).toEqual([undefined, 3, 2]);
  });
});

describe('an answer that is none', () => {
  it.each([
    ['nothing', undefined, 'it is nothing'],
    ['a page of HTML', '<html>', 'it is "<html>"'],
    ['no hits', { took: 1 }, '"hits" is nothing'],
    ['hits of another form', { hits: [] }, '"hits" is []'],
    ['a list that is none', { hits: { hits: 3 } }, '"hits.hits" is 3'],
    ['a hit that is none', { hits: { hits: [{}, null] } }, '"hits.hits[1]" is null'],
  ])('is named: %s', (_what, response, fault) => {
    for (const adapter of [elasticsearchSilent(), openSearchSilent()]) {
      const plan = adapter.plan({ body: request } as never, { rankWindowSize: 5 });
      const call = (): unknown => adapter.toShortlist(plan as never, response as never);
      expect(call).toThrow(FirstStageError);
      expect(call).toThrow(
        expect.objectContaining({ adapter: adapter.name, message: expect.stringContaining(fault) }),
      );
    }
  });
});
