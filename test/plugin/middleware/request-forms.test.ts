import { Readable } from 'node:stream';
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { describe, expect, it } from 'vitest';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { type FakeReranker, fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  type Answer,
  type AnsweringServer,
  answeringServer,
  sendJson,
} from '../../support/doubles/answering-server.ts';

const kept = closedAfterEach();
const index = 'articles';
const query = { match: { title: 'chair' } };
const hit = (id: string, title: string) => ({
  _index: index,
  _id: id,
  _score: 3 - Number(id),
  _source: { title },
});
const found = { hits: { total: { value: 2, relation: 'eq' }, hits: [hit('1', 'table'), hit('2', 'chair')] } };
const settings = (reranker: FakeReranker) => ({ reranker, fields: ['title'], indices: [index, 'news'] });

/** Answers a search with two hits, and a multi-search with as many answers as it has pairs of lines. */
const searching: Answer = (response, { url, body }) => {
  const count = url.includes('_msearch') ? body.trim().split('\n').length / 2 : 0;
  const responses = Array.from({ length: Math.ceil(count) }, () => ({ ...found, status: 200 }));
  sendJson(response, 200, url.includes('_msearch') ? { took: 1, responses } : found);
};

interface Setup {
  readonly server: AnsweringServer;
  readonly reranker: FakeReranker;
  readonly opensearch: OpenSearchClient;
  readonly elasticsearch: ElasticsearchClient;
  /** What the model was asked, in order. */
  asked(): readonly string[];
}

async function setUp(answer: Answer = searching): Promise<Setup> {
  const server = kept(await answeringServer(answer));
  const reranker = fakeReranker();
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const node = server.url;
  return {
    server,
    reranker,
    opensearch: withOpenSearchReranking(new OpenSearchClient({ node }), settings(reranker)),
    elasticsearch: withElasticsearchReranking(new ElasticsearchClient({ node, headers }), settings(reranker)),
    asked: () => reranker.calls.map(({ query: { text } }) => text),
  };
}

interface Marked {
  readonly hits: { readonly hits: readonly { readonly _id: string }[] };
  readonly blockrank?: { readonly reranked: boolean; readonly reason?: string };
}

const idsOf = ({ hits }: Marked) => hits.hits.map(({ _id }) => _id);

type Ask = (setup: Setup) => Promise<unknown>;

const viaOpenSearch =
  (method: 'search' | 'msearch', params: object): Ask =>
  async ({ opensearch }) => {
    const { body } = await (opensearch[method] as (given: object) => Promise<{ body: unknown }>)(params);
    return body;
  };

const viaTransport =
  (params: object, options?: object): Ask =>
  async ({ elasticsearch }) =>
    elasticsearch.transport.request(params as never, options as never);

/** A query as the builders of the npm registry give it: it says itself how it is written. */
class MatchQuery {
  readonly #words: string;

  constructor(words: string) {
    this.#words = words;
  }

  toJSON(): object {
    return { match: { title: this.#words } };
  }
}

const text = JSON.stringify({ query });
const path = `/${index}/_search`;
const lines = `{"index":"${index}"}\n${text}\n`;

const searches: readonly (readonly [string, Ask, string?])[] = [
  ['an object', viaOpenSearch('search', { index, body: { query } })],
  ['text', viaOpenSearch('search', { index, body: text })],
  ['bytes', viaOpenSearch('search', { index, body: Buffer.from(text) })],
  [
    'a query that a builder made',
    viaOpenSearch('search', { index, body: { query: new MatchQuery('chair') } }),
  ],
  ['words in q', viaOpenSearch('search', { index, q: 'chair' })],
  [
    'words in q, over those of the body',
    viaOpenSearch('search', { index, q: 'stool', body: { query } }),
    'stool',
  ],
  ['a flat request', async ({ elasticsearch }) => elasticsearch.search({ index, query })],
  [
    'a flat request with q',
    async ({ elasticsearch }) => elasticsearch.search({ index, q: 'stool', query }),
    'stool',
  ],
  [
    'parameters of a querystring over those of the body',
    async ({ elasticsearch }) => elasticsearch.search({ index, query, querystring: { q: 'stool' } } as never),
    'stool',
  ],
  [
    'parameters of the call over those of the body',
    async ({ elasticsearch }) => elasticsearch.search({ index, query }, { querystring: { q: 'stool' } }),
    'stool',
  ],
  ['a call of the transport', viaTransport({ method: 'POST', path, body: { query } })],
  ['a path with a slash at its end', viaTransport({ method: 'POST', path: `${path}/`, body: { query } })],
  ['a query string in the path', viaTransport({ method: 'GET', path: `${path}?q=stool` }), 'stool'],
  ['a query string as text', viaTransport({ method: 'GET', path, querystring: 'q=stool' }), 'stool'],
  [
    'an index among the parameters',
    viaTransport({ method: 'POST', path: '/_search', querystring: { index }, body: { query } }),
  ],
];

describe('a client with reranking inside, asked for a search', () => {
  it.each(searches.map(([form, ask, words = 'chair']) => [form, ask, words] as const))(
    'written as %s, reranks it by what the server searches for',
    async (_form, ask, words) => {
      const setup = await setUp();
      const answer = (await ask(setup)) as Marked;
      expect(answer.blockrank).toMatchObject({ reranked: true });
      expect(setup.asked()).toEqual([words]);
      if (words === 'chair') expect(idsOf(answer)).toEqual(['2', '1']);
      // The window is asked for in one place, whatever the form.
      const [{ url, body }] = setup.server.asked as [{ url: string; body: string }];
      expect(`${url} ${body}`.match(/"?size"?[=:]/g)).toHaveLength(1);
      expect(url).toMatch(/articles/);
    },
  );

  it('takes page and order from where the server takes them', async () => {
    const setup = await setUp();
    const { opensearch, elasticsearch, server } = setup;
    const { body } = await opensearch.search({ index, size: 1, body: { query, size: 7 } });
    expect(idsOf(body as unknown as Marked)).toEqual(['2']);
    const flat = await elasticsearch.search({ index, query, size: 7, querystring: { size: 1 } } as never);
    expect(idsOf(flat as unknown as Marked)).toEqual(['2']);
    expect(server.asked.map(({ url }) => url.includes('size=1&') || url.endsWith('size=1'))).toEqual([
      false,
      false,
    ]);
    // Both servers sort by both: what order that gives is not ours to change.
    const sorted = await opensearch.search({
      index,
      sort: '_score',
      body: { query, sort: ['price'] },
    } as never);
    expect(sorted.body).toMatchObject({ blockrank: { reranked: false, reason: 'unsupported-request' } });
  });

  it('keeps every digit of a body that comes as text or bytes', async () => {
    const long = `{"query":{"bool":{"must":[{"match":{"title":"chair"}}],"filter":{"term":{"n":9007199254740993}}}}}`;
    for (const body of [long, Buffer.from(long)]) {
      const setup = await setUp();
      await viaOpenSearch('search', { index, body })(setup);
      expect(setup.server.asked[0]!.body).toContain('9007199254740993');
      expect(setup.server.asked[0]!.body).toContain('"size":100');
    }
    const setup = await setUp();
    await viaOpenSearch('msearch', { body: `{"index":"${index}"}\n${long}\n` })(setup);
    expect(setup.server.asked[0]!.body).toContain('9007199254740993');
  });

  it('changes nothing of what it is given', async () => {
    const { opensearch, elasticsearch } = await setUp();
    const body = Object.freeze({ query: Object.freeze({ match: Object.freeze({ title: 'chair' }) }) });
    const given = { method: 'POST', path, querystring: { preference: ['a', 'b'] }, body };
    await elasticsearch.transport.request(given as never);
    expect(given).toEqual({ method: 'POST', path, querystring: { preference: ['a', 'b'] }, body });
    await opensearch.transport.request(given as never);
    expect(given.body).toBe(body);
  });
});

const unread: readonly (readonly [string, Ask])[] = [
  ['a stream', viaOpenSearch('search', { index, body: Readable.from([text]) })],
  ['text that is no JSON', viaOpenSearch('search', { index, body: '{"query":' })],
  [
    'text in which a name comes twice',
    viaOpenSearch('search', { index, body: `{"size":1,${text.slice(1, -1)},"size":2}` }),
  ],
  ['a search in the address', viaTransport({ method: 'GET', path, querystring: { source: text } })],
  [
    'a parameter that comes twice',
    viaTransport({ method: 'POST', path: `${path}?size=1&size=2`, body: { query } }),
  ],
  ['wildcards in filter_path', viaOpenSearch('search', { index, filter_path: 'hits.*', body: { query } })],
];

describe('a client with reranking inside, asked for what it cannot read', () => {
  it.each(unread)('passes %s, and says that it is not reranked', async (_form, ask) => {
    const setup = await setUp();
    const answer = (await ask(setup)) as Marked;
    expect(answer.blockrank).toMatchObject({ reranked: false, reason: 'unsupported-request' });
    expect(idsOf(answer)).toEqual(['1', '2']);
    expect(setup.server.asked).toHaveLength(1);
    expect(`${setup.server.asked[0]!.url} ${setup.server.asked[0]!.body}`).not.toContain('100');
  });

  it.each([
    ['a search by a template', `${path}/template`],
    ['a count', `/${index}/_count`],
    ['an asynchronous search', `/${index}/_async_search`],
  ])('passes %s without a word', async (_form, other) => {
    const setup = await setUp();
    expect(await viaTransport({ method: 'POST', path: other, body: { query } })(setup)).toEqual(found);
  });

  it('passes a stream of answers as it comes', async () => {
    const { elasticsearch } = await setUp();
    const stream = await elasticsearch.search({ index, query }, { asStream: true });
    const chunks: Buffer[] = [];
    for await (const chunk of stream as unknown as Readable) chunks.push(Buffer.from(chunk as Buffer));
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual(found);
  });
});

const several: readonly (readonly [string, Ask])[] = [
  ['a list of objects', viaOpenSearch('msearch', { body: [{ index }, { query }] })],
  ['a list of texts', viaOpenSearch('msearch', { body: [`{"index":"${index}"}`, text] })],
  ['a list of texts of several lines', viaOpenSearch('msearch', { body: [lines.trim()] })],
  ['one text', viaOpenSearch('msearch', { body: lines })],
  ['bytes', viaOpenSearch('msearch', { body: Buffer.from(lines) })],
  ['lines that end as on Windows', viaOpenSearch('msearch', { body: lines.replaceAll('\n', '\r\n') })],
  ['headers without an index', viaOpenSearch('msearch', { index, body: [{}, { query }] })],
  ['what builders made', viaOpenSearch('msearch', { body: [{ index }, { query: new MatchQuery('chair') }] })],
  ['a flat list', async ({ elasticsearch }) => elasticsearch.msearch({ searches: [{ index }, { query }] })],
  [
    'a call of the transport',
    viaTransport({ method: 'POST', path: `/${index}/_msearch/`, bulkBody: [{}, { query }] }),
  ],
  ['a body that is one text', viaTransport({ method: 'POST', path: '/_msearch', body: lines })],
  [
    'an index among the parameters',
    viaTransport({
      method: 'POST',
      path: '/_msearch',
      querystring: `index=${index}`,
      bulkBody: [{}, { query }],
    }),
  ],
];

describe('a client with reranking inside, asked for several searches', () => {
  it.each(several)('written as %s, reranks them', async (_form, ask) => {
    const setup = await setUp();
    const { responses } = (await ask(setup)) as { responses: readonly Marked[] };
    expect(responses.map(idsOf)).toEqual([['2', '1']]);
    expect(responses[0]!.blockrank).toMatchObject({ reranked: true });
    expect(setup.asked()).toEqual(['chair']);
    expect(setup.server.asked[0]!.body.trim().split('\n')).toHaveLength(2);
  });

  it('marks each of a multi-search that it cannot read, and of one that is filtered', async () => {
    const setup = await setUp();
    const stream = Readable.from([lines, lines]);
    for (const ask of [
      viaOpenSearch('msearch', { index, body: stream }),
      viaOpenSearch('msearch', { filter_path: 'responses.hits', body: lines + lines }),
      viaTransport({ method: 'POST', path: '/_msearch?a=1&a=2', bulkBody: lines + lines }),
    ]) {
      const { responses } = (await ask(setup)) as { responses: readonly Marked[] };
      expect(responses.map(({ blockrank }) => blockrank?.reason)).toEqual([
        'unsupported-request',
        'unsupported-request',
      ]);
      expect(responses.map(idsOf)).toEqual([
        ['1', '2'],
        ['1', '2'],
      ]);
    }
    expect(setup.asked()).toEqual([]);
  });

  it('leaves a stream alone that is of no index which it reranks', async () => {
    const setup = await setUp();
    const answer = await viaOpenSearch('msearch', { body: Readable.from([lines]) })(setup);
    expect(JSON.stringify(answer)).not.toContain('blockrank');
  });
});

describe('a client with reranking inside, answered without hits', () => {
  const missing = { error: { type: 'index_not_found_exception', reason: 'no such index' }, status: 404 };

  it.each([
    ['a status that the caller ignores', 404, missing],
    ['an answer in another form than JSON', 200, '---\ntook: 1\n'],
    ['an answer without a part that reranking reads', 200, { took: 1 }],
  ])('gives the client’s own result for %s', async (_what, status, body) => {
    const setup = await setUp((response) => {
      if (typeof body !== 'string') return sendJson(response, status, body);
      response
        .writeHead(status, { 'content-type': 'application/yaml', 'x-elastic-product': 'Elasticsearch' })
        .end(body);
    });
    const options = { ignore: [404] };
    const { elasticsearch, opensearch } = setup;
    expect(await elasticsearch.search({ index, query }, options)).toEqual(body);
    const whole = await elasticsearch.search({ index, query }, { ...options, meta: true });
    expect([whole.statusCode, whole.body]).toEqual([status, body]);
    expect(await elasticsearch.msearch({ index, searches: [{}, { query }] }, options)).toEqual(body);
    const result = await opensearch.search({ index, body: { query } }, options);
    expect([result.statusCode, result.body]).toEqual([status, body]);
    const many = await opensearch.msearch({ index, body: [{}, { query }] as never }, options);
    expect([many.statusCode, many.body]).toEqual([status, body]);
  });

  it('asks once more as the search came when the server refused what was changed, though the caller ignores that', async () => {
    const refused = {
      error: { type: 'illegal_argument_exception', reason: 'Result window is too large' },
      status: 400,
    };
    const { elasticsearch, server } = await setUp((response, { body }) =>
      body.includes('"size":100') ? sendJson(response, 400, refused) : sendJson(response, 200, found),
    );
    const answer = await elasticsearch.search({ index, query }, { ignore: [400] });
    expect(answer).toMatchObject({ blockrank: { reranked: false, reason: 'first-stage-error' } });
    expect(server.asked).toHaveLength(2);
  });
});

describe('helpers of a client with reranking inside', () => {
  it('give the documents of a search in reranked order', async () => {
    const { elasticsearch, opensearch, server } = await setUp();
    expect(await elasticsearch.helpers.search({ index, query })).toEqual([
      { _id: '2', title: 'chair' },
      { _id: '1', title: 'table' },
    ]);
    expect(await opensearch.helpers.search({ index, body: { query } })).toEqual([
      { title: 'chair' },
      { title: 'table' },
    ]);
    expect(server.asked.map(({ url }) => url.includes('filter_path'))).toEqual([false, false]);
  });

  it('give what the caller filters, and the mark where the filter names it', async () => {
    const { elasticsearch } = await setUp();
    const filter = (path: string) => elasticsearch.search({ index, query, filter_path: path });
    expect(await filter('hits.hits._id')).toEqual({ hits: { hits: [{ _id: '2' }, { _id: '1' }] } });
    expect(await filter('hits.total,blockrank.reranked')).toEqual({
      hits: { total: { value: 2, relation: 'eq' } },
      blockrank: { reranked: true },
    });
  });

  it('give nothing where nothing was found', async () => {
    const { elasticsearch, opensearch } = await setUp({ hits: { hits: [] } });
    expect(await elasticsearch.helpers.search({ index, query })).toEqual([]);
    expect(await opensearch.helpers.search({ index, body: { query } })).toEqual([]);
    const sorted = await elasticsearch.helpers.search({ index, query, sort: ['title'] });
    expect(sorted).toEqual([]);
  });
});
