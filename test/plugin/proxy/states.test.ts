import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  type Answer,
  type Played,
  played,
  proxyBefore,
  type Setup,
  type SetupOptions,
  search,
} from '../../support/doubles/proxy-setup.ts';
import { describeOverOsmem } from '../../support/servers/osmem.ts';
import { keepState } from '../../support/suites/stored-states-subject.ts';
import { indexSuiteDocuments } from '../../support/suites/suite-subjects.ts';

const kept = closedAfterEach();
const opened = async (target: string, options: SetupOptions = {}): Promise<Setup> => {
  return kept(await proxyBefore(target, options));
};

const query = { match: { title: 'stars' } };
const sidecar = { states: { kind: 'sidecar', generation: 'g' } } as const;
const state = new Uint8Array([1, 2, 3]);

describeOverOsmem('a proxy before documents with block states', (url) => {
  it.each([['sidecar', sidecar.states], ['field', { kind: 'field' }] as const])(
    'reads them (%s) with the caller asking, and gives hits back without',
    async (kind, states) => {
      const index = `products-${kind}`;
      await indexSuiteDocuments(url(), index);
      await keepState(url(), index, { place: states, docId: 'd3', state });
      const { proxy, reranker } = await opened(url(), {
        adapterOptions: { states, server: 'opensearch' },
        stageOptions: { cache: false },
      });
      const answer = await search(proxy.url, `/${index}/_search`, { query, size: 30 });
      const stated = reranker.calls[0]!.candidates.filter(({ storedState }) => storedState !== undefined);
      expect(stated.map(({ docId, storedState }) => [docId, [...(storedState as Uint8Array)]])).toEqual([
        ['d3', [1, 2, 3]],
      ]);
      const { hits } = JSON.parse(answer.body.toString());
      expect(hits.hits.every(({ _source }: { _source: object }) => !('blockrank_state' in _source))).toBe(
        true,
      );
      const lines = [{ index }, { query, size: 30 }].map((line) => `${JSON.stringify(line)}\n`).join('');
      await search(proxy.url, '/_msearch', lines, { 'content-type': 'application/x-ndjson' });
      expect(reranker.calls[1]?.candidates.filter(({ storedState }) => storedState)).toHaveLength(1);
    },
  );
});

const hit = (i: number) => ({
  _index: 'products-1',
  _id: `p${i}`,
  _score: 1,
  _source: { title: `title ${i}` },
});
const found = JSON.stringify({ hits: { max_score: 1, hits: [hit(1), hit(2)] } });
const json = { 'content-type': 'application/json' };

/** A cluster that answers searches, and multi-gets as told. */
async function cluster(
  mget: (docs: readonly { _id: string }[]) => { status: number; body: unknown },
): Promise<Played> {
  const server = await played(({ url, body }, response) => {
    if (!url.startsWith('/_mget')) return void response.writeHead(200, json).end(found);
    const { status, body: answer } = mget(JSON.parse(body.toString()).docs);
    response.writeHead(status, json).end(JSON.stringify(answer));
  });
  kept(server);
  return server;
}

const ids = ({ body }: Answer): string[] =>
  JSON.parse(body.toString()).hits.hits.map(({ _id }: { _id: string }) => _id);
const nothing = (docs: readonly { _id: string }[]) => ({
  status: 200,
  body: { docs: docs.map(({ _id }) => ({ _id, found: false })) },
});

describe('a proxy that fetches block states', () => {
  it('sends one request a list, with the headers of the caller and a body of its own', async () => {
    const server = await cluster(nothing);
    const { proxy } = await opened(server.url, { adapterOptions: sidecar });
    const accept = 'application/vnd.elasticsearch+json; compatible-with=8';
    const headers = { authorization: 'ApiKey abc', accept, 'content-type': accept, 'x-opaque-id': 'me' };
    await search(proxy.url, '/products-1/_search', { query, size: 2 }, headers);
    const asked = server.seen.filter(({ url }) => url === '/_mget');
    expect(asked).toHaveLength(1);
    const sent = pairsOf(asked[0]!.rawHeaders);
    expect(sent).toMatchObject({
      authorization: 'ApiKey abc',
      accept,
      'content-type': accept,
      'x-opaque-id': 'me',
    });
    expect(sent['content-length']).toBe(String(asked[0]!.body.length));
    expect(JSON.parse(asked[0]!.body.toString())).toEqual({
      docs: ['p1', 'p2'].map((_id) => ({
        _index: 'products-1-blockrank-states-g',
        _id,
        _source: ['state'],
      })),
    });
  });

  it('reranks without states where the caller may not read them, and tells who watches', async () => {
    const server = await cluster(() => ({ status: 403, body: { error: 'no' } }));
    const failures: string[] = [];
    const events = { failure: ({ phase }: { phase: string }) => failures.push(phase) };
    const { proxy } = await opened(server.url, { adapterOptions: sidecar, stageOptions: { events } });
    expect(ids(await search(proxy.url, '/products-1/_search', { query, size: 2 }))).toEqual(['p2', 'p1']);
    expect(failures).toEqual(['states']);
  });

  it('answers at the deadline while the states hang', async () => {
    const server = await played(({ url }, response) => {
      if (!url.startsWith('/_mget')) response.writeHead(200, json).end(found);
    });
    kept(server);
    const stageOptions = { deadlineMs: 60 };
    const { proxy } = await opened(server.url, { adapterOptions: sidecar, stageOptions });
    const answer = await search(proxy.url, '/products-1/_search', { query, size: 2 });
    expect(ids(answer)).toEqual(['p1', 'p2']);
    expect(answer.headers['x-blockrank']).toContain('reason=deadline');
  });
});

describe('a proxy that is given something else to rerank with', () => {
  it('ends searches on what they began with, and then lets it go', async () => {
    const server = await cluster(nothing);
    let go = (): void => {};
    const slow = fakeReranker({ fault: () => new Promise<void>((resolve) => (go = resolve)) });
    const first = await opened(server.url, { reranker: slow });
    const second = await opened(server.url, { reranker: fakeReranker(), indices: ['products-*'] });
    const begun = search(first.proxy.url, '/products-1/_search', { query, size: 2 });
    await expect.poll(() => slow.calls.length).toBe(1);
    let isLeft = false;
    const left = first.proxy.use({ ...second.reranking, indices: ['other-*'] }).then(() => {
      isLeft = true;
    });
    const other = await search(first.proxy.url, '/products-1/_search', { query, size: 2 });
    expect(other.headers['x-blockrank']).toBeUndefined();
    expect(isLeft).toBe(false);
    go();
    expect((await begun).headers['x-blockrank']).toBe('reranked');
    await left;
  });
});

function pairsOf(raw: readonly string[]): Record<string, string> {
  const names = raw.filter((_, i) => i % 2 === 0);
  return Object.fromEntries(names.map((name, i) => [name.toLowerCase(), raw[2 * i + 1]!]));
}
