import { describe, expect, it } from 'vitest';
import { buildEmbeddedIndex, embeddedAdapter, loadEmbeddedIndex } from '../../../adapters/embedded/index.ts';
import { ConfigurationError, FirstStageError } from '../../../engine/index.ts';
import { rankedOutcome } from '../../support/tiny/outcomes.ts';

const documents = [
  { docId: 'astronomer', title: 'astronomer', text: 'a person who studies the stars' },
  { docId: 'botanist', title: 'botanist', text: 'a person who studies plants' },
  { docId: 'star', title: 'star', text: 'a ball of hot gas that shines' },
  { docId: 'study', title: 'study', text: 'a room for reading and studying, with a view of the stars' },
];

/** The ids found, best first. */
async function idsFor(query: string, options: object = {}): Promise<readonly string[]> {
  const index = await buildEmbeddedIndex({ documents, ...options });
  return index.search(query, 10).matches.map(({ document }) => document.docId);
}

describe('embedded index', () => {
  it('ranks by BM25', async () => {
    expect(await idsFor('person who studies the stars', { fields: ['text'] })).toEqual([
      'astronomer', // person, studies and stars, in a short text
      'botanist', // person and studies: "stars" is missing
      'study', // studying and stars: "person" is missing, and the text is the longest
    ]);
  });

  it('finds inflected words, unless stems are off', async () => {
    expect(await idsFor('study', { fields: ['text'] })).toHaveLength(3);
    expect(await idsFor('study', { fields: ['text'], stems: false })).toEqual([]);
  });

  it('does not look for stop words, whichever they are', async () => {
    expect(await idsFor('a the of')).toEqual([]);
    expect(await idsFor('stars', { stopWords: ['stars'] })).toEqual([]);
  });

  it('searches only the fields it was told to', async () => {
    expect(await idsFor('botanist', { fields: ['text'] })).toEqual([]);
    expect(await idsFor('botanist', { fields: ['title'] })).toEqual(['botanist']);
  });

  it('keeps the order of the documents between equal scores', async () => {
    const twins = ['c', 'a', 'b'].map((docId) => ({ docId, text: 'the same words' }));
    expect(await idsFor('words', { documents: twins })).toEqual(['c', 'a', 'b']);
  });

  it('adds up what each word gives, without a bonus for several', async () => {
    const index = await buildEmbeddedIndex({ documents });
    const score = (query: string): number =>
      index.search(query, 10).matches.find(({ document }) => document.docId === 'botanist')?.score ?? 0;
    expect(score('plants person')).toBeCloseTo(score('plants') + score('person'), 10);
  });

  it('is the same after it was kept', async () => {
    const index = await buildEmbeddedIndex({ documents, fields: ['text'], stems: false, stopWords: ['who'] });
    const loaded = await loadEmbeddedIndex(JSON.parse(JSON.stringify(index)));
    expect(loaded.fields).toEqual(['text']);
    expect(loaded.size).toBe(4);
    for (const query of ['person who studies', 'stars', 'who'])
      expect(loaded.search(query, 3)).toEqual(index.search(query, 3));
  });

  it('tells how far it is, and stops when told to', async () => {
    const many = Array.from({ length: 2500 }, (_, i) => ({ docId: `${i}`, text: `word${i}` }));
    const told: number[] = [];
    await buildEmbeddedIndex({ documents: many, onProgress: (done) => told.push(done) });
    expect(told).toEqual([0, 1000, 2000, 2500]);
    const reason = new Error('not wanted any more');
    const controller = new AbortController();
    const build = buildEmbeddedIndex({ documents: many, signal: controller.signal });
    controller.abort(reason);
    await expect(build).rejects.toBe(reason);
  });

  it.each([
    ['an id twice', { documents: [{ docId: 'a' }, { docId: 'a' }] }, 'documents[1].docId'],
    ['a document without an id', { documents: [{ text: 'x' }] }, 'documents[0].docId'],
    ['no documents', { documents: undefined }, 'documents'],
    ['a field that is none', { documents, fields: ['body'] }, 'fields'],
  ])('refuses %s', async (_what, options, path) => {
    const build = buildEmbeddedIndex(options as never);
    await expect(build).rejects.toBeInstanceOf(ConfigurationError);
    await expect(build).rejects.toMatchObject({ issues: [{ path }] });
  });

  it('refuses what another version kept', async () => {
    await expect(loadEmbeddedIndex({ format: 0 } as never)).rejects.toBeInstanceOf(ConfigurationError);
  });
});

describe('embeddedAdapter', () => {
  it('indexes its documents once, when first searched', async () => {
    let builds = 0;
    const onProgress = (done: number): void => {
      if (done === 0) builds++;
    };
    const adapter = embeddedAdapter({ documents, onProgress });
    expect(builds).toBe(0);
    const plan = adapter.plan({ query: 'stars' }, { rankWindowSize: 10 });
    const [first, second] = await Promise.all([adapter.search(plan), adapter.search(plan)]);
    expect(first).toEqual(second);
    expect(builds).toBe(1);
    expect((await adapter.openIndex()).size).toBe(4);
  });

  it('gives documents without title or text empty ones', async () => {
    const adapter = embeddedAdapter({
      documents: [
        { docId: 'a', text: 'stars' },
        { docId: 'b', title: 'stars' },
      ],
    });
    const plan = adapter.plan({ query: 'stars' }, { rankWindowSize: 10 });
    const { hits, total } = await adapter.search(plan);
    expect(hits.map(({ title, text }) => [title, text])).toEqual([
      ['', 'stars'],
      ['stars', ''],
    ]);
    expect(total).toBe(2);
  });

  it('lets the model read only the fields of its index', async () => {
    const adapter = embeddedAdapter({ index: await buildEmbeddedIndex({ documents, fields: ['text'] }) });
    const plan = adapter.plan({ query: 'plants' }, { rankWindowSize: 10 });
    const { candidates } = adapter.toShortlist(plan, await adapter.search(plan));
    expect(candidates.map(({ text }) => text)).toEqual(['a person who studies plants']);
  });

  it('gives title and text as fields that are scored apart, and leaves out what a document lacks', async () => {
    const own = [...documents, { docId: 'bare', text: 'stars alone' }];
    const adapter = embeddedAdapter({ documents: own, fieldsApart: ['title^2', { name: 'text' }] });
    const plan = adapter.plan({ query: 'stars' }, { rankWindowSize: 10 });
    const response = await adapter.search(plan);
    const { candidates } = adapter.toShortlist(plan, response);
    const fieldTexts = new Map(candidates.map(({ docId, fieldTexts: texts }) => [docId, texts]));
    expect(fieldTexts.get('astronomer')).toEqual([
      { field: 'title', text: 'astronomer', weight: 2 },
      { field: 'text', text: 'a person who studies the stars', weight: 1 },
    ]);
    expect(fieldTexts.get('bare')).toEqual([{ field: 'text', text: 'stars alone', weight: 1 }]);
    const joined = embeddedAdapter({ documents: own }).toShortlist(plan, response).candidates;
    expect(joined.some((candidate) => 'fieldTexts' in candidate)).toBe(false);
  });

  it.each([[['body']], [['text[]']], [['title^0']], ['title']])(
    'scores no fields apart as %j',
    (fieldsApart) => {
      const make = () => embeddedAdapter({ documents, fieldsApart: fieldsApart as string[] });
      expect(make).toThrow(ConfigurationError);
      expect(make).toThrow(/fieldsApart/);
    },
  );

  it('keeps pinned hits known to the stage', async () => {
    const adapter = embeddedAdapter({ documents, isPinned: ({ docId }) => docId === 'star' });
    const plan = adapter.plan({ query: 'star' }, { rankWindowSize: 10 });
    const response = await adapter.search(plan);
    const { pinned, candidates } = adapter.toShortlist(plan, response);
    expect(pinned?.map((i) => candidates[i]!.docId)).toEqual(['star']);
    const order = candidates.map((_, i) => i).toReversed();
    expect(adapter.applyOutcome(plan, response, rankedOutcome(order)).total).toBe(response.total);
  });

  it('passes a query without words unreranked', () => {
    const adapter = embeddedAdapter({ documents });
    expect(adapter.plan({ query: ' ' }, { rankWindowSize: 10 }).reason).toBe('no-query-text');
  });

  it.each([[{ from: -1 }], [{ size: 1.5 }], [{ size: Number.NaN }]])('refuses the page %j', (page) => {
    const adapter = embeddedAdapter({ documents });
    expect(() => adapter.plan({ query: 'stars', ...page }, { rankWindowSize: 10 })).toThrow(RangeError);
  });

  it('refuses to read what it did not give, and to be made of nothing', () => {
    const adapter = embeddedAdapter({ documents });
    const plan = adapter.plan({ query: 'stars' }, { rankWindowSize: 10 });
    expect(() => adapter.toShortlist(plan, undefined as never)).toThrow(FirstStageError);
    expect(() => embeddedAdapter({} as never)).toThrow(ConfigurationError);
  });

  it('answers a query of 10,000 words', async () => {
    const adapter = embeddedAdapter({ documents });
    const query = 'stars and planets '.repeat(3334);
    const { hits } = await adapter.search(adapter.plan({ query }, { rankWindowSize: 10 }));
    expect(hits.map(({ docId }) => docId).sort()).toEqual(['astronomer', 'star', 'study']);
  });
});
