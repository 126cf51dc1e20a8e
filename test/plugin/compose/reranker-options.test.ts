import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, stateCodec } from '../../../engine/index.ts';
import { toRerankerOptions } from '../../../plugin/compose/reranker-options.ts';
import { parseConfig } from '../../../plugin/config/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-compose-states-'));
});
afterAll(() => rm(folder, { recursive: true }));

const missing = (): Promise<unknown> => import('no-such-package-here' as string);
/** Nobody listens there. */
const stateRedis = { url: 'redis://127.0.0.1:9' };

describe('toRerankerOptions', () => {
  it('passes on what names no store', async () => {
    expect(await toRerankerOptions({ workers: 2, tier: undefined, warmUp: false })).toEqual({
      workers: 2,
      warmUp: false,
    });
  });

  it('opens the folder with the codec, and gives the codec to the reranker too', async () => {
    const at = join(folder, 'states');
    const options = await toRerankerOptions({ stateFolder: at, stateCodec: 'tokens-int8:32' });
    expect(options.stateCodec).toEqual(stateCodec('tokens-int8:32'));
    await options.stateSource!.close();
    expect(existsSync(at)).toBe(true);
  });

  it('puts the folder before Redis, and goes on without a Redis that is not there', async () => {
    const at = join(folder, 'near');
    const { stateSource } = await toRerankerOptions({ stateFolder: at, stateRedis });
    const key = { encodingDigest: 'm', textDigest: 't' };
    const state = { width: 2, blockTokens: [1], anchors: Float32Array.of(1, 0), truncatedTokens: 0 };
    await stateSource!.putMany([[key, state]]);
    expect((await stateSource!.getMany([key]))[0]?.blockTokens).toEqual([1]);
    await stateSource!.close();
  });

  it('says what to install where ioredis is missing, before anything is opened', async () => {
    const at = join(folder, 'not-opened');
    const failing = toRerankerOptions({ stateFolder: at, stateRedis }, { importPackage: missing });
    await expect(failing).rejects.toThrow(ConfigurationError);
    await expect(failing).rejects.toThrow(
      'package "ioredis" is not installed: run "npm install ioredis", or give a client object of yours to redisSource({ client })',
    );
    expect(existsSync(at)).toBe(false);
  });
});

describe('the section reranker', () => {
  it('refuses addresses and codecs that are none, and quotes no password', () => {
    const text = `
elasticsearch: { node: 'http://localhost:9200' }
index: { name: a, textFields: [b] }
reranker: { stateRedis: { url: 'http://:secret@cache.example', ttlMs: 0 }, stateCodec: tokens-fp32 }
`;
    const read = (): unknown => parseConfig(text, {});
    expect(read).toThrow(
      /reranker\.stateRedis\.url: expected an address such as redis:\/\/cache\.example:6379/,
    );
    expect(read).toThrow(/reranker\.stateRedis\.ttlMs/);
    expect(read).toThrow(/reranker\.stateCodec: expected anchor-fp16, .*"tokens-fp32"/);
    expect(read).not.toThrow(/secret/);
  });
});
