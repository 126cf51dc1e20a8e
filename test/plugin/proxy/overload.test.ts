import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { answeringServer, sendJson } from '../../support/doubles/answering-server.ts';
import {
  type Answer,
  ask,
  event,
  proxyBefore,
  type Setup,
  type SetupOptions,
  search,
} from '../../support/doubles/proxy-setup.ts';

const kept = closedAfterEach();

const hits = ['a', 'b'].map((_id) => ({ _index: 'products-1', _id, _score: 1, _source: { title: _id } }));
const found = { took: 1, hits: { max_score: 1, hits } };
const query = { query: { match: { title: 'stars' } } };
const lines = { 'content-type': 'application/x-ndjson' };
const several = (count: number) => `{}\n${JSON.stringify(query)}\n`.repeat(count);

interface Busy extends Setup {
  /** Sends a search, which stays in the reranker. */
  occupy(): Promise<{ readonly answer: Promise<Answer> }>;
  /** Lets the reranker go on. */
  readonly release: () => void;
}

/** A proxy whose reranker takes the time that the test takes. */
async function busyProxy(options: SetupOptions): Promise<Busy> {
  const cluster = await answeringServer((response, { url, body }) => {
    const count = (body.match(/\n/g)?.length ?? 0) / 2;
    sendJson(response, 200, url.endsWith('_msearch') ? { responses: Array(count).fill(found) } : found);
  });
  kept(cluster);
  const released = event();
  let words = 0;
  const entered: (() => void)[] = [];
  const reranker = fakeReranker({
    logit: (_candidate, _query, index) => index,
    fault: async () => {
      entered.shift()?.();
      await released.happened;
      return undefined;
    },
  });
  const setup = await proxyBefore(cluster.url, { reranker, ...options });
  kept(setup);
  return {
    ...setup,
    release: released.happen,
    async occupy() {
      const isIn = event();
      entered.push(isIn.happen);
      // Rankings of one question would be one.
      const asked = { query: { match: { title: `stars ${++words}` } } };
      const answer = search(setup.proxy.url, '/products-1/_search', asked);
      await isIn.happened;
      return { answer };
    },
  };
}

const markOf = ({ headers }: Answer) => headers['x-blockrank'];

describe('a proxy with as many searches as it may rerank at once', () => {
  it('passes the next one as it came, and reranks again when one is done', async () => {
    const { proxy, occupy, release } = await busyProxy({ maxConcurrent: 2, stageOptions: { cache: false } });
    const first = [await occupy(), await occupy()];
    const third = await search(proxy.url, '/products-1/_search', query);
    expect(markOf(third)).toBe('unreranked; reason=overloaded');
    expect(third.body.toString()).toBe(JSON.stringify(found));
    const { body } = await ask(proxy.url, { path: '/_blockrank/metrics' });
    expect(body.toString()).toContain('blockrank_proxy_requests_total{kind="overloaded",status="200"} 1');
    release();
    for (const { answer } of first) expect(markOf(await answer)).toBe('reranked');
    expect(markOf(await search(proxy.url, '/products-1/_search', query))).toBe('reranked');
  });

  it('says of a search that needs no place why it is not reranked', async () => {
    const { proxy, occupy, release } = await busyProxy({ maxConcurrent: 1 });
    const { answer } = await occupy();
    const sorted = await search(proxy.url, '/products-1/_search', { ...query, sort: ['price'] });
    expect(markOf(sorted)).toBe('unreranked; reason=explicit-sort');
    release();
    await answer;
  });

  it('counts each of several searches, and gives all places to more than it has when nobody else is there', async () => {
    const { proxy, occupy, release } = await busyProxy({ maxConcurrent: 2, stageOptions: { cache: false } });
    const { answer } = await occupy();
    const turnedAway = await search(proxy.url, '/products-1/_msearch', several(2), lines);
    expect(markOf(turnedAway)).toBe('unreranked; reason=overloaded');
    release();
    await answer;
    const alone = await search(proxy.url, '/products-1/_msearch', several(5), lines);
    expect(markOf(alone)).toBe('reranked; searches=5/5');
  });

  it('refuses the next one when failures are to be told', async () => {
    const { proxy, occupy, release } = await busyProxy({
      maxConcurrent: 1,
      stageOptions: { onFailure: 'throw' },
    });
    const { answer } = await occupy();
    const refused = await search(proxy.url, '/products-1/_search', query);
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error: { type: 'rejected_execution_exception' },
    });
    release();
    await answer;
  });

  it('gives a place back whatever becomes of a search', async () => {
    const cluster = await answeringServer((response, { body }) => {
      if (body.includes('broken')) return sendJson(response, 503, { error: 'x', status: 503 });
      sendJson(response, 200, found);
    });
    kept(cluster);
    const setup = await proxyBefore(cluster.url, { maxConcurrent: 1 });
    kept(setup);
    const broken = { query: { match: { title: 'broken' } } };
    for (const body of [broken, { ...query, size: 0 }, { query: { match_all: {} } }, query]) {
      const answer = await search(setup.proxy.url, '/products-1/_search', body);
      expect(markOf(answer)).not.toContain('overloaded');
    }
  });
});
