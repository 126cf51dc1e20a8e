/** Tests of clients with reranking inside, shared by the in-memory and the real servers. */
import type { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import type { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { expect, it } from 'vitest';
import type { Shortlist } from '../../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

const fields = ['title', 'body'];
const query = { multi_match: { query: 'stars', fields } };
const idsOf = (hits: readonly { _id?: string | undefined }[]): (string | undefined)[] =>
  hits.map(({ _id }) => _id);

/** Expects that each field was read by itself, and that each hit names one that holds what won. */
function expectFieldsApart(hits: readonly object[], [read]: readonly Shortlist[]): void {
  const apart = hits as readonly { _source: Record<string, unknown>; blockrank: { field: string } }[];
  const texts = apart.flatMap(({ _source }) => fields.map((field) => _source[field]));
  expect(read!.candidates.map(({ text }) => text)).toEqual(expect.arrayContaining(texts.filter(isText)));
  // Counted words: the field that holds "stars" wins, and else the first.
  for (const { _source, blockrank } of apart) {
    const holding = fields.filter((field) => /stars/i.test(`${_source[field]}`));
    expect(holding.length > 0 ? holding : fields.slice(0, 1)).toContain(blockrank.field);
  }
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

/** Tests of `withElasticsearchReranking` over an index with the conformance suite's documents. */
export function elasticsearchMiddlewareSuite(open: () => ElasticsearchClient, index: string): void {
  const both = () => {
    const plain = open();
    return {
      plain,
      client: withElasticsearchReranking(plain, { reranker: fakeReranker(), fields, indices: [index] }),
    };
  };

  it('reranks typed searches of the named index and keeps what was found', async () => {
    const { plain, client } = both();
    const before = await plain.search({ index, query, size: 50 });
    const after = await client.search({ index, query, size: 50 });
    expect(after).toHaveProperty('blockrank.reranked', true);
    expect(idsOf(after.hits.hits).sort()).toEqual(idsOf(before.hits.hits).sort());
    expect(after.hits.total).toEqual(before.hits.total);
    expect(before).not.toHaveProperty('blockrank');
    await client.close();
  });

  it('scores fields apart, and says on each hit which one won', async () => {
    const plain = open();
    const reranker = fakeReranker();
    const options = { reranker, fields, fieldsApart: ['title', 'body'], indices: [index] };
    const client = withElasticsearchReranking(plain, options);
    const { hits } = await client.search({ index, query, size: 50 });
    expectFieldsApart(hits.hits, reranker.calls);
    await client.close();
  });

  it('gives the whole answer with meta and leaves other calls and opted-out ones alone', async () => {
    const { client } = both();
    const whole = await client.search({ index, query }, { meta: true });
    expect(whole.statusCode).toBe(200);
    expect(whole.body).toHaveProperty('blockrank.reranked', true);
    expect(await client.search({ index, query }, { context: { blockrank: false } })).not.toHaveProperty(
      'blockrank',
    );
    expect((await client.count({ index })).count).toBeGreaterThan(0);
    await client.close();
  });

  it('reranks each search of a multi-search, keeps the error of one, and passes the helper', async () => {
    const { client } = both();
    const searches = [{ index }, { query }, { index: 'there-is-no-such-index' }, { query }];
    const { responses } = await client.msearch({ searches });
    expect(responses[0]).toHaveProperty('blockrank.reranked', true);
    expect(responses[1]).toHaveProperty('error');
    const helper = client.helpers.msearch();
    const { body } = await helper.search({ index }, { query });
    helper.stop();
    expect(body).toHaveProperty('blockrank.reranked', true);
    await client.close();
  });

  it('throws the errors that the client throws', async () => {
    const { plain, client } = both();
    const wrong = { index, query: { no_such_query: {} } } as never;
    const expected = await plain.search(wrong).catch((error: Error) => error);
    const actual = await client.search(wrong).catch((error: Error) => error);
    expect((actual as Error).name).toBe((expected as Error).name);
    expect((actual as { statusCode?: number }).statusCode).toBe(
      (expected as { statusCode?: number }).statusCode,
    );
    const gone = AbortSignal.abort();
    const aborted = await plain
      .search({ index, query }, { signal: gone })
      .catch((error: Error) => error.name);
    expect(typeof aborted).toBe('string');
    await expect(client.search({ index, query }, { signal: gone })).rejects.toThrow();
    await client.close();
  });
}

/** Tests of `withOpenSearchReranking` over an index with the conformance suite's documents. */
export function opensearchMiddlewareSuite(open: () => OpenSearchClient, index: string): void {
  const both = () => {
    const plain = open();
    return {
      plain,
      client: withOpenSearchReranking(plain, { reranker: fakeReranker(), fields, indices: [index] }),
    };
  };

  it('reranks typed searches of the named index and keeps what was found', async () => {
    const { plain, client } = both();
    const before = await plain.search({ index, body: { query }, size: 50 });
    const after = await client.search({ index, body: { query }, size: 50 });
    expect(after.statusCode).toBe(200);
    expect(after).toHaveProperty('warnings');
    expect(after.body).toHaveProperty('blockrank.reranked', true);
    expect(idsOf(after.body.hits.hits).sort()).toEqual(idsOf(before.body.hits.hits).sort());
    expect(before.body).not.toHaveProperty('blockrank');
    await client.close();
  });

  it('scores fields apart, and says on each hit which one won', async () => {
    const plain = open();
    const reranker = fakeReranker();
    const options = { reranker, fields, fieldsApart: ['title', 'body'], indices: [index] };
    const client = withOpenSearchReranking(plain, options);
    const { hits } = (await client.search({ index, body: { query }, size: 50 })).body;
    expectFieldsApart(hits.hits, reranker.calls);
    await client.close();
  });

  it('serves callbacks and leaves opted-out calls alone', async () => {
    const { client } = both();
    const body = await new Promise((resolve, reject) => {
      client.search({ index, body: { query } }, (error: unknown, result: { body: unknown }) =>
        error ? reject(error) : resolve(result.body),
      );
    });
    expect(body).toHaveProperty('blockrank.reranked', true);
    const plain = await client.search({ index, body: { query } }, { context: { blockrank: false } });
    expect(plain.body).not.toHaveProperty('blockrank');
    await client.close();
  });

  it('reranks each search of a multi-search and keeps the error of one', async () => {
    const { client } = both();
    const lines = [{ index }, { query }, { index: 'there-is-no-such-index' }, { query }];
    const { responses } = (await client.msearch({ body: lines as never })).body;
    expect(responses[0]).toHaveProperty('blockrank.reranked', true);
    expect(responses[1]).toHaveProperty('error');
    await client.close();
  });

  it('throws the errors that the client throws, and aborts as it aborts', async () => {
    const { plain, client } = both();
    const wrong = { index, body: { query: { no_such_query: {} } } } as never;
    const expected = await plain.search(wrong).catch((error: Error) => error);
    const actual = await client.search(wrong).catch((error: Error) => error);
    expect((actual as Error).name).toBe((expected as Error).name);
    const running = client.search({ index, body: { query } });
    running.abort();
    await expect(running).rejects.toMatchObject({ name: 'RequestAbortedError' });
    await client.close();
  });
}
