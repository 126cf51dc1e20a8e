import { describe, expect, it, vi } from 'vitest';
import type { UnrerankedEvent } from '../../../plugin/stage/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { type AnsweringServer, answeringServer, sendJson } from '../../support/doubles/answering-server.ts';
import { limitedAnswer, limitedServer } from '../../support/doubles/limited-server.ts';
import {
  event,
  proxyBefore,
  type Setup,
  type SetupOptions,
  search,
} from '../../support/doubles/proxy-setup.ts';

const kept = closedAfterEach();

async function proxied(server: AnsweringServer, options: SetupOptions = {}): Promise<Setup> {
  kept(server);
  return kept(await proxyBefore(server.url, { indices: ['limited', 'free'], ...options }));
}

const query = { query: { match: { title: 'stars' } } };
const lines = { 'content-type': 'application/x-ndjson' };
const pair = (index: string, more: object = {}) =>
  `{"index":"${index}"}\n${JSON.stringify({ ...query, ...more })}\n`;
/** What the cluster gives to whoever asks it without the proxy. */
const own = (index: string) => JSON.stringify(limitedAnswer(index, 10));

describe('a proxy whose cluster refuses a part of what was widened', () => {
  it.each(['limited,free', 'limited'])('loses no hits of %s: it asks as the caller asked', async (index) => {
    const heard: UnrerankedEvent[] = [];
    const server = await limitedServer();
    const { proxy, reranker } = await proxied(server, {
      stageOptions: { events: { unreranked: (one) => void heard.push(one) } },
    });
    const answer = await search(proxy.url, `/${index}/_search`, query);
    expect(answer.body.toString()).toBe(own(index));
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=first-stage-error');
    expect(server.asked.map(({ body }) => body)[1]).toBe(JSON.stringify(query));
    expect(reranker.calls).toHaveLength(0);
    expect(heard).toMatchObject([{ reason: 'first-stage-error', warnings: [{ code: 'max-result-window' }] }]);
  });

  it('reranks what the caller asked for itself, failures and all', async () => {
    const server = await limitedServer();
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/limited,free/_search', { ...query, size: 100 });
    expect(answer.headers['x-blockrank']).toBe('reranked');
    expect(answer.body.toString()).toContain('"failed":1,"failures"');
    expect(server.asked).toHaveLength(1);
  });

  it('reranks within a limit that it is told of', async () => {
    const server = await limitedServer();
    const { proxy } = await proxied(server, { adapterOptions: { maxResultWindow: 50 } });
    const answer = await search(proxy.url, '/limited,free/_search', query);
    expect(answer.headers['x-blockrank']).toBe('reranked');
    expect(server.asked.map(({ body }) => JSON.parse(body))).toEqual([{ ...query, size: 50 }]);
  });

  it('asks again for those of several searches alone, and keeps the bytes of their answers', async () => {
    const server = await limitedServer();
    const { proxy } = await proxied(server, { adapterOptions: { marks: false } });
    const body = [pair('limited'), pair('free'), pair('free,limited'), pair('limited', { sort: ['x'] })];
    const answer = await search(proxy.url, '/_msearch', body.join(''), lines);
    expect(server.asked.map((asked) => asked.body)[1]).toBe(body[0]! + body[2]!);
    expect(server.asked).toHaveLength(2);
    expect(answer.headers['x-blockrank']).toBe('reranked; searches=1/4');
    const [first, , third, fourth] = JSON.parse(answer.body.toString()).responses;
    expect([first, third, fourth].map((one) => JSON.stringify(one))).toEqual([
      own('limited'),
      own('free,limited'),
      own('limited'),
    ]);
    expect(answer.body.toString()).toContain(`[${own('limited')},`);
  });

  it('passes several searches as they came when each of them was refused', async () => {
    const server = await limitedServer();
    const { proxy } = await proxied(server);
    const body = pair('limited') + pair('free,limited');
    const answer = await search(proxy.url, '/_msearch', body, lines);
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=first-stage-error');
    expect(server.asked.map((asked) => asked.body)[1]).toBe(body);
    expect(answer.body.toString()).toBe(`{"took":2,"responses":[${own('limited')},${own('free,limited')}]}`);
  });

  it.each([
    ['a search', '/limited,free/_search', JSON.stringify(query), 'application/json', 'free,limited'],
    ['several searches', '/_msearch', pair('free') + pair('limited'), 'application/x-ndjson', 'limited'],
  ])('asks %s as it came when the refusal comes after the deadline', async (_what, path, body, type) => {
    const rest = event();
    const server = await answeringServer(async (response, { url, body: text }) => {
      const isWide = text.includes('"size":100');
      const sizes = isWide ? 100 : 10;
      if (isWide) await rest.happened;
      const single = limitedAnswer('limited,free', sizes);
      const many = { took: 2, responses: ['free', 'limited'].map((index) => limitedAnswer(index, sizes)) };
      sendJson(response, 200, url.includes('_msearch') ? many : single);
    });
    const failed = event();
    const { proxy } = await proxied(server, {
      stageOptions: { deadlineMs: 5, events: { failure: failed.happen } },
    });
    const asking = search(proxy.url, path, body, { 'content-type': type });
    await failed.happened;
    rest.happen();
    const answer = await asking;
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=deadline');
    expect(server.asked.map((asked) => asked.body)[1]).toBe(body);
    expect(answer.body.toString()).not.toContain('illegal_argument_exception');
  });

  it('asks all of several searches as they came when the deadline passes while some are asked again', async () => {
    const asked = event();
    const server = await answeringServer((response, { body }) => {
      if (body === pair('limited')) return asked.happen();
      const size = body.includes('"size":100') ? 100 : 10;
      const responses = ['free', 'limited'].map((index) => limitedAnswer(index, size));
      sendJson(response, 200, { took: 2, responses });
    });
    // The clock is the test's own: the deadline passes when the second question has come, not before.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    kept({ close: async () => vi.useRealTimers() });
    const { proxy } = await proxied(server, { stageOptions: { deadlineMs: 300 } });
    const body = pair('free') + pair('limited');
    const asking = search(proxy.url, '/_msearch', body, lines);
    await asked.happened;
    vi.advanceTimersByTime(300);
    const answer = await asking;
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=deadline');
    expect(server.asked.map((one) => one.body).slice(1)).toEqual([pair('limited'), body]);
    expect(JSON.parse(answer.body.toString()).responses).toHaveLength(2);
  });

  it.each([
    [400, { error: { type: 'x_content_parse_exception' }, status: 400 }],
    [429, { error: { type: 'circuit_breaking_exception' }, status: 429 }],
  ])('asks as the caller asked when all of it is refused with %i', async (status, refusal) => {
    const server = await answeringServer((response, { body }) => {
      const isWide = body.includes('"size":100');
      sendJson(response, isWide ? status : 200, isWide ? refusal : limitedAnswer('free', 10));
    });
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/free/_search', query);
    expect(answer.body.toString()).toBe(own('free'));
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=first-stage-error');
  });

  it('does not ask a cluster again that refuses for its load', async () => {
    const text = '{"error":{"type":"es_rejected_execution_exception"},"status":429}';
    const server = await answeringServer((response) => sendJson(response, 429, text));
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/free/_search', query);
    expect({ status: answer.status, text: answer.body.toString() }).toEqual({ status: 429, text });
    expect(server.asked).toHaveLength(1);
  });
});
