import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CountedStateSource,
  openReranker,
  type RedisSourceOptions,
  redisSource,
  type Shortlist,
  stateCodec,
} from '../../engine/index.ts';
import { textDigest } from '../../engine/text-digest.ts';
import { toRerankerOptions } from '../../plugin/compose/reranker-options.ts';
import { stateSourceSuite } from '../../plugin/testing/index.ts';
import { builtProgram } from '../support/programs/built.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/servers/redis.ts';
import { tinyModel } from '../support/tiny/tiny-model.ts';
import { randomNumbers, tinyState } from '../support/tiny/tiny-states.ts';

if (redisMissing) console.log(`Skipping Redis: ${redisMissing}.`);

const key = (text: string) => ({ encodingDigest: 'm', textDigest: textDigest(text) });
const state = tinyState([3], 8, randomNumbers(2));
const large = tinyState([128], 384, randomNumbers(1));
const timeoutMs = 300;

describe.skipIf(redisMissing)('Redis', () => {
  let server: RunningRedis;
  let client: Redis;
  let sources: CountedStateSource[];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    client = server.connect();
    sources = [];
  });
  afterEach(async () => {
    for (const source of sources) await source.close();
    client.disconnect();
  });

  const source = (options: Partial<RedisSourceOptions> = {}): CountedStateSource => {
    const opened = redisSource({ client, timeoutMs, ...options });
    sources.push(opened);
    return opened;
  };
  const timed = async (call: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await call();
    return performance.now() - started;
  };
  /** Waits until the client has found its server again. */
  const reconnected = async (): Promise<void> => {
    while (!(await client.ping().catch(() => undefined))) await new Promise((r) => setTimeout(r, 20));
  };

  stateSourceSuite({
    name: 'redisSource',
    open: async () => {
      const own = server.connect();
      await own.flushall();
      return {
        // A busy machine may take its time: what is tested here is what is kept.
        source: redisSource({ client: own, timeoutMs: 20_000, chunkStates: 7 }),
        overwrite: async ({ encodingDigest, textDigest: digest }, change) => {
          const name = `blockrank:${encodingDigest}:${digest}`;
          await own.set(name, Buffer.from(change(new Uint8Array((await own.getBuffer(name))!))));
        },
        close: async () => own.disconnect(),
      };
    },
  });

  it('keeps prefixes apart, as tenants must be', async () => {
    const [acme, globex] = [source({ prefix: 'blockrank:acme' }), source({ prefix: 'blockrank:globex' })];
    await acme.putMany([[key('a'), state]]);
    expect(await globex.getMany([key('a')])).toEqual([undefined]);
    expect((await acme.getMany([key('a')]))[0]).toBeDefined();
  });

  it('lets states go after their time', async () => {
    const brief = source({ ttlMs: 1500, prefix: 'brief' });
    await brief.putMany([[key('a'), state]]);
    expect((await brief.getMany([key('a')]))[0]).toBeDefined();
    await expect.poll(() => client.keys('brief*')).toEqual([]);
    expect(await brief.getMany([key('a')])).toEqual([undefined]);
    expect(brief.counts).toMatchObject({ found: 1, missed: 1, failed: 0 });
  });

  it('shares states between processes', async () => {
    const program = builtProgram('test/support/programs/redis-writer.ts');
    const writer = spawn(process.execPath, [program, server.url, 'one', 'two']);
    expect(await new Promise((resolve) => writer.on('exit', resolve))).toBe(0);
    const found = await source().getMany(['one', 'two', 'three'].map(key));
    expect(found.map((each) => each?.blockTokens)).toEqual([[3], [3], undefined]);
  });

  it('misses everything after a flush, and keeps it anew', async () => {
    const flushed = source();
    await flushed.putMany([[key('a'), state]]);
    await client.flushall();
    expect(await flushed.getMany([key('a')])).toEqual([undefined]);
    await flushed.putMany([[key('a'), state]]);
    expect((await flushed.getMany([key('a')]))[0]).toBeDefined();
    expect(flushed.counts).toMatchObject({ found: 1, missed: 1, failed: 0 });
  });

  it('that hangs costs one wait, and is used again once it answers', async () => {
    const hung = source();
    await hung.putMany([[key('a'), state]]);
    server.freeze();
    try {
      expect(await timed(() => hung.getMany([key('a')]))).toBeGreaterThan(timeoutMs - 5);
      const later = await timed(async () => {
        for (let i = 0; i < 20; i += 1) await hung.getMany([key('a')]);
        await hung.putMany([[key('b'), state]]);
      });
      expect(later).toBeLessThan(10 * timeoutMs); // each of the 21 would wait for timeoutMs
      expect(hung.counts).toMatchObject({ found: 0, missed: 21, failed: 22 });
    } finally {
      server.thaw();
    }
    await expect.poll(async () => (await hung.getMany([key('a')]))[0]).toBeDefined();
  });

  it('that was stopped is a miss and is used again once it is back', async () => {
    const stopped = source();
    await stopped.putMany([[key('a'), state]]);
    await server.stop();
    // Whatever the connection's loss does to calls in hand, none is rejected and none waits for the server.
    for (let i = 0; i < 5; i += 1)
      expect(await timed(() => stopped.getMany([key('a')]))).toBeLessThan(100 * timeoutMs);
    await stopped.putMany([[key('a'), state]]);
    expect(stopped.counts).toMatchObject({ found: 0, missed: 5, failed: 6 });
    await server.restart();
    await reconnected();
    await expect
      .poll(async () => {
        await stopped.putMany([[key('a'), state]]);
        return (await stopped.getMany([key('a')]))[0];
      })
      .toBeDefined();
  });

  it('stopped mid-way loses what was on its way, and nothing else goes wrong', async () => {
    const cut = source({ chunkStates: 4 });
    const entries = Array.from({ length: 200 }, (_, i) => [key(`cut ${i}`), large] as const);
    const writing = cut.putMany(entries);
    setTimeout(() => void server.stop(), 15);
    await writing;
    await server.restart();
    await reconnected();
    await expect.poll(async () => (await cut.getMany([key('none')])).length).toBe(1);
    const found = await source({ timeoutMs: 20_000 }).getMany(entries.map(([each]) => each));
    for (const each of found) if (each) expect(each.tokens).toHaveLength(128 * 384);
    expect(cut.counts.failed).toBeGreaterThan(0);
  });

  it('ranks as ever while the server hangs, and finds states again afterwards', async () => {
    const model = await tinyModel();
    const texts = Array.from({ length: 12 }, (_, i) => `stars and planets, number ${i}`);
    const candidates = texts.map((text, i) => ({ docId: String(i), text, segments: [] }));
    const list: Shortlist = { query: { text: 'stars' }, candidates, firstStage: 'unknown' };
    const settings = { model, workers: 1, warmUp: false, stateCacheBytes: 0 };
    const stateRedis = { url: server.url, prefix: 'ranking' };
    const first = await openReranker(
      await toRerankerOptions({ ...settings, stateRedis, stateCodec: 'tokens-int8' }),
    );
    const second = await openReranker(
      await toRerankerOptions({ ...settings, stateRedis, stateCodec: 'tokens-int8' }),
    );
    try {
      const fresh = await first.rerank(list);
      await expect.poll(async () => (await second.rerank(list)).usage.statesFound).toBe(12);
      // States from the other process rank as those encoded here, to the last bit.
      expect((await second.rerank(list)).candidates).toEqual(fresh.candidates);
      server.freeze();
      const hung = await second.rerank(list);
      expect(hung.usage).toMatchObject({ statesFound: 0, statesEncoded: 12 });
      expect(hung.candidates).toEqual(fresh.candidates);
      server.thaw();
      await expect.poll(async () => (await second.rerank(list)).usage.statesFound).toBe(12);
    } finally {
      server.thaw();
      await Promise.all([first, second].map((reranker) => reranker.close()));
      await rm(model, { recursive: true });
    }
  });
});

describe.skipIf(redisMissing)('Redis of 8 MiB', () => {
  const bytes = ['--maxmemory', '8mb'];
  const entries = Array.from({ length: 300 }, (_, i) => [key(`full ${i}`), large] as const);

  it('that evicts lets old states go: misses, and no failures', async () => {
    const server = await startRedis([...bytes, '--maxmemory-policy', 'allkeys-lru']);
    const client = server.connect();
    const source = redisSource({ client, timeoutMs: 20_000, codec: stateCodec('tokens-int8') });
    try {
      for (const entry of entries) await source.putMany([entry]);
      const found = await source.getMany(entries.map(([each]) => each));
      const sound = found.filter((each) => each !== undefined).length;
      expect(sound).toBeGreaterThan(10);
      expect(sound).toBeLessThan(entries.length);
      expect(source.counts).toMatchObject({ found: sound, damaged: 0, foreign: 0, failed: 0 });
    } finally {
      await source.close();
      client.disconnect();
      await server.stop();
    }
  });

  it('that refuses what is too much drops it, counted', async () => {
    const server = await startRedis([...bytes, '--maxmemory-policy', 'noeviction']);
    const client = server.connect();
    const source = redisSource({ client, timeoutMs: 20_000, codec: stateCodec('tokens-int8') });
    try {
      for (const entry of entries) await source.putMany([entry]);
      const { failed } = source.counts;
      expect(failed).toBeGreaterThan(10);
      const found = await source.getMany(entries.map(([each]) => each));
      expect(found.filter((each) => each === undefined)).toHaveLength(failed);
    } finally {
      await source.close();
      client.disconnect();
      await server.stop();
    }
  });
});
