/** First stages beyond words, and the shipped model end to end, on a real server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HitMark, OutcomeMark } from '../../../adapters/adapter.ts';
import { FirstStageError, fusion, openReranker, type Reranker } from '../../../index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

/** A page as both servers give it. */
export interface Page {
  readonly hits: {
    readonly hits: readonly {
      readonly _id: string;
      readonly _score?: number | null;
      readonly inner_hits?: unknown;
      readonly highlight?: unknown;
      readonly blockrank?: HitMark;
    }[];
  };
  readonly blockrank?: OutcomeMark;
}

/** Options of a reranked search. */
export interface CallOptions {
  readonly queryText?: string;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

/** One server under test: the same search three ways, bodies as the server reads them. */
export interface FirstStagesSubject {
  /** The client's own search. @throws the client's own error. */
  plain(body: object): Promise<Page>;
  /** The search through the rescoring stage. */
  staged(body: object, reranker: Reranker, options?: CallOptions & { highlight?: boolean }): Promise<Page>;
  /** The search through a client with reranking inside. */
  wrapped(body: object, reranker: Reranker): Promise<Page>;
  /** A search by vector alone. */
  readonly byVector: object;
  /** A search by words and vector together. */
  readonly byBoth: object;
}

/** Index of the suite's documents. */
export const firstStagesIndex = 'first-stages';

/** A vector search finds all of them: the adapters ask for as many neighbours as the window holds. */
const articles = [
  ['plants', 'Leaves turn sunlight, water and air into sugar, on which all living plants feed.'],
  ['restaurant', 'Food by the window: light meals between pot plants, open from noon.'],
  ['photography', 'Portraits in soft light, from a studio in the old town.'],
  ['astronomer', 'Somebody who studies the sky, its planets and galaxies.'],
  ['film', 'A person who studies acting meets the stars of the screen.'],
  ['hotel', 'Five stars for a person who studies the price list.'],
  ['fever', 'A raised temperature, often from an infection.'],
  ['stove', 'The body of the stove is hot all over.'],
] as const;
const misleading = [
  ['how plants make food from light', 'plants'],
  ['person who studies the stars', 'astronomer'],
] as const;

/** Makes the index; every document has a vector, two notes and a group. */
export async function indexFirstStages(url: string, vectorMapping: object, settings: object): Promise<void> {
  const properties = {
    title: { type: 'keyword' },
    body: { type: 'text' },
    group: { type: 'keyword' },
    notes: { type: 'nested', properties: { words: { type: 'text' } } },
    vector: vectorMapping,
  };
  const index = { number_of_shards: 1, number_of_replicas: 0, ...settings };
  await put(`${url}/${firstStagesIndex}`, JSON.stringify({ settings: index, mappings: { properties } }));
  const lines = articles.flatMap(([title, body], i) => [
    { index: { _id: title } },
    {
      title,
      body,
      group: i % 2 === 0 ? 'even' : 'odd',
      notes: [{ words: `first note of ${title}` }, { words: `second note of ${title}` }],
      vector: [Math.cos(i / 4), Math.sin(i / 4), 0, 1],
    },
  ]);
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await put(`${url}/${firstStagesIndex}/_bulk?refresh=true`, body);
}

async function put(url: string, body: string): Promise<void> {
  const response = await fetch(url, {
    method: url.includes('_bulk') ? 'POST' : 'PUT',
    body,
    headers: { 'content-type': url.includes('_bulk') ? 'application/x-ndjson' : 'application/json' },
  });
  const text = await response.text();
  if (!response.ok || text.includes('"errors":true')) throw new Error(`${url}: ${response.status} ${text}`);
}

const words = (query: string, size = articles.length): object => ({
  query: { match: { body: query } },
  size,
});
const idsOf = ({ hits }: Page): string[] => hits.hits.map(({ _id }) => _id);

/** Tests that searches whose first stage is not lexical are reranked, and lose nothing. */
export function firstStagesSuite(subject: () => FirstStagesSubject): void {
  /** A reranker that reverses any list, which shows that its order was used. */
  const backwards = (): Reranker => fakeReranker({ logit: (_candidate, _query, index) => index });

  const expectTurned = (before: Page, after: Page): void => {
    expect(before.hits.hits.length).toBeGreaterThan(1);
    expect(after.blockrank).toMatchObject({ reranked: true });
    expect(idsOf(after)).toEqual(idsOf(before).reverse());
    const marks = after.hits.hits.map(({ blockrank }) => blockrank);
    expect(marks.map((mark) => mark?.firstStageRank)).toEqual(
      idsOf(before).map((_, i, all) => all.length - i),
    );
    expect(marks.map((mark) => mark?.firstStageScore)).toEqual(
      before.hits.hits.map(({ _score }) => _score).reverse(),
    );
  };

  it('reranks what a vector found, with the words given beside it', async () => {
    const { byVector, plain, staged } = subject();
    const options = { queryText: 'stars' };
    expectTurned(await plain(byVector), await staged(byVector, backwards(), options));
    // Without words there is nothing to ask the model.
    const unasked = await staged(byVector, backwards());
    expect(unasked.blockrank).toMatchObject({ reranked: false, reason: 'no-query-text' });
    expect(idsOf(unasked)).toEqual(idsOf(await plain(byVector)));
  });

  it('reranks what words and a vector found together, by the words of the request', async () => {
    const { byBoth, plain, staged } = subject();
    const reranker = fakeReranker();
    const after = await staged(byBoth, reranker);
    expect(after.blockrank).toMatchObject({ reranked: true });
    expect(reranker.calls[0]?.query.text).toBe('studies');
    expect(idsOf(after).sort()).toEqual(idsOf(await plain(byBoth)).sort());
  });

  it('keeps inner hits of nested documents and of collapsed groups on their hits', async () => {
    const { plain, staged } = subject();
    const nested = {
      size: 8,
      query: {
        nested: { path: 'notes', query: { match: { 'notes.words': 'note' } }, inner_hits: { size: 1 } },
      },
    };
    const collapsed = {
      ...words('the a of and'),
      collapse: { field: 'group', inner_hits: { name: 'others', size: 2, _source: ['title'] } },
    };
    for (const body of [nested, collapsed]) {
      const before = await plain(body);
      const after = await staged(body, backwards(), { queryText: 'anything' });
      expect(idsOf(after)).toEqual(idsOf(before).reverse());
      const inner = ({ hits }: Page): Map<string, unknown> =>
        new Map(hits.hits.map(({ _id, inner_hits }) => [_id, inner_hits]));
      expect(Object.keys(before.hits.hits[0]!.inner_hits!)).toHaveLength(1);
      expect(inner(after)).toEqual(inner(before));
    }
  });

  it('reads highlight fragments as text, and leaves none behind that nobody asked for', async () => {
    const { staged } = subject();
    const reranker = fakeReranker();
    const after = await staged(words('sunlight'), reranker, { highlight: true });
    expect(reranker.calls[0]!.candidates[0]!.text).toContain('sunlight');
    expect(reranker.calls[0]!.candidates[0]!.text).not.toContain('<em>');
    expect(after.hits.hits[0]).not.toHaveProperty('highlight');
  });

  it('tells what the server refused in the words of the server', async () => {
    const { plain, staged } = subject();
    const body = { query: { no_such_query: { body: 'stars' } } };
    const own = await plain(body).then(
      () => expect.fail('expected the server to refuse this'),
      (error: Error & { statusCode: number }) => error,
    );
    const error = await staged(body, backwards(), { queryText: 'stars' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FirstStageError);
    expect((error as FirstStageError).cause).toMatchObject({ statusCode: own.statusCode });
    expect((error as FirstStageError).message).toContain('no_such_query');
  });

  it('gives up with the reason of its caller, and the client goes on', async () => {
    const { staged } = subject();
    const controller = new AbortController();
    const search = staged(words('stars'), backwards(), { signal: controller.signal });
    controller.abort(new Error('the user went away'));
    await expect(search).rejects.toThrow('the user went away');
    expect((await staged(words('stars'), backwards())).blockrank).toMatchObject({ reranked: true });
  });

  it('gives the first stage back when the model is too slow', async () => {
    const { plain, staged } = subject();
    const slow = fakeReranker({ delayMs: 60_000 });
    const body = words('person who studies the stars');
    const page = await staged(body, slow, { deadlineMs: 1000 });
    expect(page.blockrank).toMatchObject({ reranked: false, reason: 'deadline' });
    expect(idsOf(page)).toEqual(idsOf(await plain(body)));
  });
}

/** The order that the model gives the same list without server, adapter and stage. */
async function expectedOrder(query: string, { hits }: Page, reranker: Reranker): Promise<string[]> {
  const texts = new Map<string, string>(articles);
  const candidates = hits.hits.map(({ _id, _score }) => ({
    docId: _id,
    text: texts.get(_id)!,
    segments: [],
    firstStageScore: _score!,
  }));
  const shortlist = { query: { text: query }, candidates, firstStage: 'lexical' as const };
  const ranking = fusion()(await reranker.rerank(shortlist), shortlist);
  return ranking.candidates.map(({ index }) => candidates[index]!.docId);
}

/** Tests of the shipped model over a server, through the stage and inside the client. */
export function endToEndSuite(subject: () => FirstStagesSubject): void {
  let reranker: Reranker;
  beforeAll(async () => {
    reranker = await openReranker();
  });
  afterAll(() => reranker?.close());

  it.each(misleading)('gives "%s" the order of the model', async (query, wanted) => {
    const { plain, staged, wrapped } = subject();
    const body = words(query);
    const before = await plain(body);
    const after = await staged(body, reranker);
    expect(idsOf(after)).toEqual(await expectedOrder(query, before, reranker));
    expect(idsOf(after).indexOf(wanted)).toBeLessThan(idsOf(before).indexOf(wanted));
    const byId = new Map(before.hits.hits.map(({ _id, _score }, i) => [_id, { rank: i + 1, score: _score }]));
    for (const { _id, blockrank } of after.hits.hits) {
      expect(blockrank?.firstStageRank).toBe(byId.get(_id)!.rank);
      expect(blockrank?.firstStageScore).toBe(byId.get(_id)!.score);
    }
    expect(idsOf(await wrapped(body, reranker))).toEqual(idsOf(after));
  });
}
