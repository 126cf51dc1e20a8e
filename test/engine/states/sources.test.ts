import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layeredSource, lmdbSource, memorySource, redisSource, stateCodec } from '../../../engine/index.ts';
import { BoundedWait } from '../../../engine/states/bounded-wait.ts';
import {
  type StateSourceSubject,
  stateDamageTests,
  stateSourceSuite,
} from '../../../plugin/testing/index.ts';
import { randomNumbers, tinyState } from '../../support/tiny/tiny-states.ts';

let folder: string;
let folders = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-sources-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Changes a value of a folder from another handle, as another process would. */
const overwriteIn =
  (path: string): StateSourceSubject['overwrite'] =>
  async ({ encodingDigest, textDigest }, change) => {
    const database = open<Buffer, string>({ path, encoding: 'binary' });
    const name = `${encodingDigest}/${textDigest}`;
    await database.put(name, Buffer.from(change(new Uint8Array(database.getBinary(name)!))));
    await database.close();
  };

function lmdbSubject(codec?: string): Required<Pick<StateSourceSubject, 'source' | 'overwrite'>> {
  const path = join(folder, String(folders++));
  const source = lmdbSource({ folder: path, ...(codec !== undefined && { codec: stateCodec(codec) }) });
  return { source, overwrite: overwriteIn(path)! };
}

const keepsObjects = stateDamageTests.map((test) => ({ test, reason: 'it keeps states, not bytes' }));
const keepsTokens = [
  { test: 'keeps every shape of state', reason: 'a codec of tokens takes no state of anchors alone' },
];

stateSourceSuite({ name: 'memorySource', open: () => ({ source: memorySource() }), skip: keepsObjects });
stateSourceSuite({ name: 'lmdbSource', open: () => lmdbSubject() });
stateSourceSuite({
  name: 'lmdbSource of tokens-int8',
  open: () => lmdbSubject('tokens-int8'),
  skip: keepsTokens,
});
stateSourceSuite({
  name: 'layeredSource of memory and LMDB',
  open: () => ({ source: layeredSource(memorySource(), lmdbSubject().source) }),
  skip: keepsObjects,
});
stateSourceSuite({
  name: 'layeredSource over a memory without room',
  open: () => {
    const { source, overwrite } = lmdbSubject();
    return { source: layeredSource(memorySource({ maxBytes: 0 }), source), overwrite };
  },
});

const key = (textDigest: string) => ({ encodingDigest: 'm', textDigest });
const state = tinyState([3], 8, randomNumbers(2));

describe('lmdbSource', () => {
  it('keeps states between two openings', async () => {
    const path = join(folder, String(folders++));
    const first = lmdbSource({ folder: path });
    await first.putMany([[key('t'), state]]);
    await first.close();
    const second = lmdbSource({ folder: path });
    expect((await second.getMany([key('t')]))[0]?.blockTokens).toEqual([3]);
    await second.close();
  });

  it('misses what another codec kept, and keeps it anew', async () => {
    const path = join(folder, String(folders++));
    const wide = tinyState([20], 8, randomNumbers(2));
    const whole = lmdbSource({ folder: path });
    await whole.putMany([[key('t'), wide]]);
    await whole.close();
    const pruned = lmdbSource({ folder: path, codec: stateCodec('tokens-int8:8') });
    expect(await pruned.getMany([key('t')])).toEqual([undefined]);
    expect(pruned.counts).toMatchObject({ missed: 1, foreign: 1 });
    await pruned.putMany([[key('t'), wide]]);
    expect((await pruned.getMany([key('t')]))[0]?.blockTokens).toEqual([8]);
    await pruned.close();
  });
});

describe('layeredSource', () => {
  it('asks the far source once, and counts what either of them lacks', async () => {
    const far = memorySource();
    await far.putMany([[key('far'), state]]);
    const source = layeredSource(memorySource(), far);
    await source.getMany([key('far'), key('none')]);
    await source.getMany([key('far')]);
    expect(far.counts).toMatchObject({ found: 1, missed: 1 });
    expect(source.counts).toMatchObject({ found: 2, missed: 1 });
    await source.close();
  });
});

describe('redisSource', () => {
  /** A client whose calls end when the test says so. */
  function hangingClient() {
    const calls: { end: () => void; fail: () => void }[] = [];
    const hang = <T>(value: T): Promise<T> =>
      new Promise((resolve, reject) => {
        calls.push({ end: () => resolve(value), fail: () => reject(new Error('connection lost')) });
      });
    const client = {
      mgetBuffer: (...keys: string[]) => hang(keys.map(() => null)),
      pipeline: () => ({ set: () => undefined, exec: () => hang([]) }),
    };
    return { calls, client };
  }

  it('waits for a server without an end where that is allowed', async () => {
    const { calls, client } = hangingClient();
    const source = redisSource({ client, timeoutMs: Number.POSITIVE_INFINITY });
    const asked = source.getMany([key('a')]);
    // Longer than Node would wait for a time that its timers cannot hold, which is 1 ms.
    await new Promise((resolve) => setTimeout(resolve, 20));
    calls[0]!.end();
    await asked;
    expect(source.counts).toMatchObject({ missed: 1, failed: 0 });
  });

  it('waits once for a server that hangs, and sends nothing until the late call has ended', async () => {
    const { calls, client } = hangingClient();
    const source = redisSource({ client, timeoutMs: 30 });
    // The client never answers by itself: a source without a limit would hang here.
    expect(await source.getMany([key('a')])).toEqual([undefined]);
    await source.getMany([key('a'), key('b')]);
    await source.putMany([[key('a'), state]]);
    expect(calls).toHaveLength(1);
    expect(source.counts).toEqual({ found: 0, missed: 3, damaged: 0, foreign: 0, failed: 4 });
    calls[0]!.fail();
    await new Promise((resolve) => setImmediate(resolve));
    void source.getMany([key('a')]);
    expect(calls).toHaveLength(2);
    calls[1]!.end();
    await source.close();
  });

  it('sends what comes within one turn in one pipeline', async () => {
    const pipelines: string[][] = [];
    const client = {
      mgetBuffer: async (...keys: string[]) => keys.map(() => null),
      pipeline: () => {
        const keys: string[] = [];
        pipelines.push(keys);
        return {
          set: (name: string) => keys.push(name),
          exec: async () => keys.map((): [null, string] => [null, 'OK']),
        };
      },
    };
    const source = redisSource({ client, prefix: 'shop', chunkStates: 3 });
    await Promise.all(['a', 'b', 'c', 'd'].map((text) => source.putMany([[key(text), state]])));
    expect(pipelines).toEqual([['shop:m:a', 'shop:m:b', 'shop:m:c'], ['shop:m:d']]);
    expect(source.counts.failed).toBe(0);
    await source.close();
  });
});

describe('BoundedWait', () => {
  it('gives what the call gave, and nothing for a failure', async () => {
    const wait = new BoundedWait(1000);
    expect(await wait.ask(async () => 'answer')).toBe('answer');
    expect(await wait.ask(() => Promise.reject(new Error('no')))).toBeUndefined();
    expect(await wait.ask(async () => 'again')).toBe('again');
  });
});
