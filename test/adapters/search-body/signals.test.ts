import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../adapters/adapter.ts';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { buildEmbeddedIndex, embeddedAdapter } from '../../../adapters/embedded/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { toSignalValue } from '../../../adapters/signal-value.ts';
import { ConfigurationError } from '../../../engine/index.ts';

const client = { search: async () => ({}), msearch: async () => ({}) } as never;
const query = { match: { title: 'words' } };
const timings = { firstStageMs: 1, rerankMs: 1, totalMs: 2 };
const unreranked: Outcome = { reranked: false, reason: 'rerank-error', timings, warnings: [] };

/** What is sent, what is read, and what goes back, for a body and the `fields` of the one hit that comes. */
function searchWith(body: object, fields: object | undefined, signals = ['price', 'author.name']) {
  const adapter = opensearchAdapter({ client, fields: ['title'], signals });
  const plan = adapter.plan({ index: 'i', body: { query, ...body } }, { rankWindowSize: 10 });
  const hit = { _id: '1', _source: { title: 'words' }, ...(fields && { fields }) };
  const response = { hits: { hits: [hit] } } as never;
  const answer = adapter.applyOutcome(plan, response, unreranked);
  return {
    sent: (plan.request.body as { fields?: unknown }).fields,
    read: adapter.toShortlist(plan, response).candidates[0]!.signals,
    back: (answer.hits.hits[0] as { fields?: unknown }).fields,
  };
}

describe('signals of a search', () => {
  it('are asked for, read, and taken out of the hits again', () => {
    const found = searchWith({}, { price: [3.5], 'author.name': ['Ada', 'Bo'] });
    expect(found.sent).toEqual(['price', 'author.name']);
    expect(found.read).toEqual({ price: 3.5, 'author.name': ['Ada', 'Bo'] });
    expect(found.back).toBeUndefined();
  });

  it('are null where a hit has none', () => {
    expect(searchWith({}, undefined).read).toEqual({ price: null, 'author.name': null });
    expect(searchWith({}, { price: [null] }).read).toEqual({ price: null, 'author.name': null });
  });

  it.each([
    ['by name', ['price']],
    ['by a pattern', ['pri*']],
    ['with a format', [{ field: 'price', format: '#.0' }]],
  ])('that the caller asked for %s stay', (_how, asked) => {
    const found = searchWith({ fields: asked }, { price: ['3.5'], 'author.name': ['Ada'] });
    expect(found.sent).toEqual([...asked, 'author.name']);
    expect(found.read).toEqual({ price: '3.5', 'author.name': 'Ada' });
    expect(found.back).toEqual({ price: ['3.5'] });
  });

  it('leave everything as it is where the caller asks for all of them, or none is configured', () => {
    const fields = { price: [1], 'author.name': ['Ada'], more: [2] };
    expect(searchWith({ fields: ['*'] }, fields)).toMatchObject({ sent: ['*'], back: fields });
    const none = searchWith({ fields: ['more'] }, fields, []);
    expect(none).toEqual({ sent: ['more'], read: undefined, back: fields });
  });

  it('inside of nested objects give none, and take what came for them away', () => {
    const found = searchWith({}, { author: [{ name: ['Ada'] }] });
    expect(found.read).toEqual({ price: null, 'author.name': null });
    expect(found.back).toBeUndefined();
    const asked = searchWith({ fields: ['author.born'] }, { author: [{ name: ['Ada'], born: [1815] }] });
    expect(asked.back).toEqual({ author: [{ name: ['Ada'], born: [1815] }] });
  });

  it('are asked of Elasticsearch beside the vectors of block states', () => {
    const adapter = elasticsearchAdapter({
      client,
      fields: ['title'],
      signals: ['price'],
      states: { kind: 'vector', field: 'v' },
    });
    const plan = adapter.plan({ index: 'i', query }, { rankWindowSize: 10 });
    expect((plan.request as { fields?: unknown }).fields).toEqual(['v', 'price']);
  });

  it.each([['price*'], [''], [3], ['*']])('refuse what is no name (%j)', (name) => {
    const open = () => opensearchAdapter({ client, fields: ['title'], signals: [name] as string[] });
    expect(open).toThrow(ConfigurationError);
    expect(open).toThrow(/signals: expected names of fields/);
  });
});

describe('the signal of a value', () => {
  it.each([
    [3.5, 3.5],
    ['2026-11-27T10:00:00.000Z', '2026-11-27T10:00:00.000Z'],
    [true, 1],
    [false, 0],
    [['only'], 'only'],
    [
      [3, 1, 2],
      ['3', '1', '2'],
    ],
    [
      [true, 'x', null],
      ['1', 'x'],
    ],
    [{ type: 'Point', coordinates: [-11.25, 48.5] }, '48.5,-11.25'],
    [{ lat: 48.5, lon: -11.25 }, '48.5,-11.25'],
    [
      [
        { lat: 1, lon: 2 },
        { lat: 3, lon: 4 },
      ],
      ['1,2', '3,4'],
    ],
    [{ gte: 1, lte: 2 }, null],
    [Number.NaN, null],
    [undefined, null],
    [[], null],
  ])('%j is %j', (value, signal) => {
    expect(toSignalValue(value)).toEqual(signal);
  });
});

describe('signals of the embedded index', () => {
  const documents = [
    { docId: '1', title: 'red shoes', signals: { price: 20, tags: ['a', 'b'], constructor: 'theirs' } },
    { docId: '2', title: 'blue shoes' },
  ];

  it('are those of its documents that the adapter names, gone from the hits of the response', async () => {
    const index = await buildEmbeddedIndex({ documents });
    const adapter = embeddedAdapter({ index, signals: ['price', 'tags', 'toString'] });
    const plan = adapter.plan({ query: 'red shoes' }, { rankWindowSize: 10 });
    const response = await adapter.search(plan);
    expect(adapter.toShortlist(plan, response).candidates.map(({ signals }) => signals)).toEqual([
      { price: 20, tags: ['a', 'b'], toString: null },
      { price: null, tags: null, toString: null },
    ]);
    for (const hit of adapter.applyOutcome(plan, response, unreranked).hits) {
      expect(hit).not.toHaveProperty('signals');
    }
  });

  it('are not carried unless they are named, and refuse what is no name', async () => {
    const adapter = embeddedAdapter({ documents });
    const plan = adapter.plan({ query: 'shoes' }, { rankWindowSize: 10 });
    const response = await adapter.search(plan);
    expect(response.hits[0]).not.toHaveProperty('signals');
    expect(adapter.toShortlist(plan, response).candidates[0]).not.toHaveProperty('signals');
    expect(() => embeddedAdapter({ documents, signals: 'price' as never })).toThrow(ConfigurationError);
  });
});
