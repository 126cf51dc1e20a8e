/** The service under more load than it can take: a short form of `npm run bench -- service`. */
import autocannon from 'autocannon';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { heapAfterCollection } from '../../support/heap.ts';
import { type TestService, testService } from '../../support/test-service.ts';

const deadlineMs = 1500;
let service: TestService;
beforeAll(async () => {
  service = await testService({
    config: { maxConcurrent: 8, maxQueue: 64, deadlineMs, cache: false, log: { level: 'silent' } },
    reranker: fakeReranker({ delayMs: 10 }),
  });
});
afterAll(() => service.close());

let next = 0;
const body = (): string => JSON.stringify({ query: 'dogs', documents: ['dogs', `cats ${next++}`, 'birds'] });

async function load(connections: number, seconds: number): Promise<autocannon.Result> {
  return autocannon({
    url: `${service.url}/v1/rerank`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    connections,
    duration: seconds,
    timeout: 30,
    requests: [{ setupRequest: (request) => ({ ...request, body: body() }) }],
  });
}

describe('under load', () => {
  it.each([1, 8, 64, 512])(
    'of %i connections nothing is answered but 200, 429 and 503',
    async (connections) => {
      const result = await load(connections, 2);
      const statuses = Object.keys(result.statusCodeStats ?? {}).map(Number);
      expect(statuses.filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
      expect(statuses).toContain(200);
      expect([result.errors, result.timeouts, result.mismatches]).toEqual([0, 0, 0]);
      // As many as 64 fit into the queue; only one that the machine is too slow for is refused.
      if (connections <= 8) expect(statuses).toEqual([200]);
    },
  );

  it('of 300 requests at once some are answered, the others refused, and everything is let go', async () => {
    const replies = await Promise.all(Array.from({ length: 300 }, () => service.post('/v1/rerank', body())));
    const statuses = replies.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(replies.every(({ status, headers }) => status === 200 || headers.has('retry-after'))).toBe(true);
    expect(await service.metric('in_flight')).toBe(0);
    expect(await service.metric('queue_length')).toBe(0);
  });

  it('memory stays flat', async () => {
    await load(64, 2);
    const before = heapAfterCollection();
    await load(64, 6);
    // Thousands of requests later: a body or a ranking kept of each would be tens of megabytes.
    expect(heapAfterCollection() - before).toBeLessThan(5e6);
  });
});
