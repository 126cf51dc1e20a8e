/** The service under more load than it can take: a short form of `npm run bench -- service`. */
import autocannon from 'autocannon';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { heapAfterCollection } from '../../support/checks/heap.ts';
import { type TestService, testService } from '../../support/servers/test-service.ts';

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

async function load(
  connections: number,
  seconds: number,
  { url = service.url, makeBody = body } = {},
): Promise<autocannon.Result> {
  return autocannon({
    url: `${url}/v1/rerank`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    connections,
    duration: seconds,
    timeout: 30,
    requests: [{ setupRequest: (request) => ({ ...request, body: makeBody() }) }],
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

  it('of 300 requests at once as many are answered as find room, the others refused, and everything is let go', async () => {
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gated = await testService({
      config: { maxConcurrent: 8, maxQueue: 64, cache: false, log: { level: 'silent' } },
      reranker: fakeReranker({ fault: () => gate }),
    });
    const asking = Promise.all(Array.from({ length: 300 }, () => gated.post('/v1/rerank', body())));
    const room = 8 + 64;
    while ((await gated.metric('shed_total', { reason: 'queue-full' })) < 300 - room) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    open();
    const replies = await asking;
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(room);
    const refused = replies.filter(({ status }) => status === 503);
    expect(refused).toHaveLength(300 - room);
    expect(refused.every(({ headers }) => headers.has('retry-after'))).toBe(true);
    expect(await gated.metric('in_flight')).toBe(0);
    expect(await gated.metric('queue_length')).toBe(0);
    await gated.close();
  });

  it('memory stays flat', async () => {
    const lean = await testService({
      config: { cache: { maxEntries: 50 }, log: { level: 'silent' } },
      reranker: fakeReranker({ keepsCalls: false }),
    });
    const large = (): string =>
      JSON.stringify({ query: 'dogs', documents: ['dogs', `${next++} `.repeat(5000)] });
    const options = { url: lean.url, makeBody: large };
    await load(16, 2, options);
    const before = heapAfterCollection();
    for (let total = 0; total <= 300; ) total += (await load(16, 5, options)).requests.total;
    // A body or a text kept of each of these hundreds of requests would be tens of megabytes.
    expect(heapAfterCollection() - before).toBeLessThan(5e6);
    await lean.close();
  });
});
