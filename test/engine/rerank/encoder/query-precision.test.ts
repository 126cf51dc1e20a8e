import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type EncoderReranker,
  openEncoderReranker,
  openReranker,
  openWorkerPool,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { modelAtDepth } from '../../../../engine/model/depth.ts';
import { openModelFolder } from '../../../../engine/model/folder.ts';
import { readEncoderConfig } from '../../../../engine/model/read-encoder-config.ts';
import type { EncoderPlaces } from '../../../../engine/rerank/encoder/encoder-places.ts';
import { open as openWorker } from '../../../../engine/rerank/encoder/encoder-program.ts';
import { toProgramData } from '../../../../engine/rerank/encoder/encoder-program-data.ts';
import { LateSession } from '../../../../engine/rerank/encoder/late-session.ts';
import { openEncoderWorkers } from '../../../../engine/rerank/encoder/open-encoder-workers.ts';
import type { QueryBlockState } from '../../../../engine/rerank/encoder/seen-feeds.ts';
import type { GraphSession } from '../../../../engine/session/runtime.ts';
import { closedAfterEach } from '../../../support/closed-after-each.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';
import { tinyGates, tinyInContextModel } from '../../../support/tiny/tiny-in-context.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';
import { tinyResidual } from '../../../support/tiny/tiny-residual.ts';

const list = shortlistOf('who bakes bread', 'a loaf of bread', 'a red car', 'flour and water');
const depths = {
  1: { weights: 'one.safetensors', dropping: { firstStageWeight: 0.2 } },
  2: { weights: 'two.safetensors' },
};

let model: string;
const toClose = closedAfterEach();
beforeAll(async () => {
  model = await tinyModel({ depths });
  await addTinyDepth(model);
  await addTinyDepth(model, [0], 'one.safetensors');
  await tinyResidual(model, { name: 'tenant-a' });
});
afterAll(() => rm(model, { recursive: true }));

async function reranker(options: RerankerOptions = {}): Promise<EncoderReranker> {
  const own = options.pool ? {} : { workers: 1 };
  return toClose(await openEncoderReranker({ model, warmUp: false, ...own, ...options }));
}

const encoded = async (options: RerankerOptions): ReturnType<EncoderReranker['encode']> =>
  (await reranker(options)).encode(list);

describe('openReranker({ queryPrecision })', () => {
  it.each<[string, RerankerOptions]>([
    ['workers that run queries too', {}],
    ['a thread of its own for queries', { queryThreads: 2 }],
    ['warm-up', { warmUp: true, workers: 2 }],
    ['a smaller depth', { depth: 2 }],
    ['a residual', { residual: 'tenant-a' }],
    ['document dropping', { dropping: { keep: 0.5, minKeep: 1 } }],
    ['anchors alone', { tier: 'anchor' }],
  ])('has the bits of int8 for a query and of float32 for documents, with %s', async (_what, options) => {
    const [mixed, whole, rounded] = [
      await encoded({ ...options, queryPrecision: 'int8' }),
      await encoded(options),
      await encoded({ ...options, precision: 'int8' }),
    ];
    expect(mixed.query).toEqual(rounded.query);
    expect(mixed.states).toEqual(whole.states);
    expect(rounded.query).not.toEqual(whole.query); // or there would be nothing to tell apart
    expect(rounded.states).not.toEqual(whole.states);
  });

  it('of float32 goes with documents in int8 or half precision', async () => {
    const whole = await encoded({});
    for (const precision of ['int8', 'fp16'] as const) {
      const mixed = await encoded({ precision, queryPrecision: 'fp32' });
      expect(mixed.query).toEqual(whole.query);
      expect(mixed.states).toEqual((await encoded({ precision })).states);
    }
  });

  it('is the shipped model’s too', async () => {
    const shipped = { model: undefined as never, queryThreads: 2 };
    const [mixed, rounded] = [
      await encoded({ ...shipped, queryPrecision: 'int8' }),
      await encoded({ ...shipped, precision: 'int8' }),
    ];
    expect(mixed.query).toEqual(rounded.query);
  });

  it('leaves the digest of block states as it is, and gives rankings another one', async () => {
    const digests = async (options: RerankerOptions): Promise<[string, string]> => {
      const { encodingDigest, readoutDigest } = (await reranker(options)).info;
      return [encodingDigest, readoutDigest];
    };
    const [encoding, readout] = await digests({});
    expect(await digests({ queryPrecision: 'fp32' })).toEqual([encoding, readout]);
    const mixed = await digests({ queryPrecision: 'int8' });
    expect(mixed[0]).toBe(encoding);
    expect(mixed[1]).not.toBe(readout);
  });

  it('stands on one pool beside others, each with queries of its own precision', async () => {
    const pool = openWorkerPool({ workers: 1 });
    toClose(pool);
    const [mixed, whole] = [
      await reranker({ pool, queryPrecision: 'int8', queryThreads: 2 }),
      await reranker({ pool, queryThreads: 2 }),
    ];
    const rounded = await encoded({ precision: 'int8' });
    expect((await mixed.encode(list)).query).toEqual(rounded.query);
    expect((await whole.encode(list)).query).toEqual((await encoded({})).query);
    await mixed.close();
    expect((await whole.encode(list)).query).not.toEqual(rounded.query);
  });

  it('is refused of a model whose queries are no part of their own, and of a word that is none', async () => {
    const others: [string, string][] = [
      [await tinyInContextModel(tinyGates(0.3)), 'an encoder of the profile in-context has no such option'],
      [await tinyDecoder('llama-tiny'), 'a decoder has no such option'],
      [model, 'expected fp32 or int8, got "fp16"'],
    ];
    for (const [folder, message] of others) {
      const queryPrecision = folder === model ? ('fp16' as never) : 'int8';
      const refused = openReranker({ model: folder, queryPrecision });
      await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
      await expect(refused).rejects.toMatchObject({
        issues: [{ path: 'queryPrecision', message: expect.stringContaining(message) }],
      });
      if (folder !== model) await rm(folder, { recursive: true });
    }
  });
});

/** Where a device would encode documents. */
const besideDevice: EncoderPlaces = {
  provider: 'cpu',
  precision: 'fp32',
  isProcessorAlone: false,
  processorPrecision: 'fp32',
  queryPrecision: 'int8',
  batchTokens: 384,
};

const query = [{ text: list.query.text }];

describe('the workers of an encoder', () => {
  it('encode queries in int8 alone where a device encodes documents in float32', async () => {
    const folder = await openModelFolder(model);
    const config = await readEncoderConfig(model);
    const data = await toProgramData({ model }, await modelAtDepth(folder, config), besideDevice);
    const { encoding } = await openEncoderWorkers({ workers: 1, warmUp: false }, data, besideDevice);
    toClose(encoding);
    const { tokens } = (await encoded({ precision: 'int8' })).query;
    expect((await encoding.encodeQuery(query[0]!)).tokens).toEqual(tokens);
    const [document] = await encoding.tokenise([list.candidates[0]!.text], {});
    const [block] = await encoding.encode(document!.blocks, {});
    expect(block!.tokens).toEqual((await encoded({})).states[0]!.tokens);
  });

  it.each([true, false])('answer a query whether its weights are loaded late or not: %s', async (isLate) => {
    const folder = await openModelFolder(model);
    const config = await readEncoderConfig(model);
    const places = { ...besideDevice, isProcessorAlone: true };
    const { queries, ...data } = await toProgramData({ model }, await modelAtDepth(folder, config), places);
    const worker = await openWorker({ ...data, queries: { ...queries!, isLate } });
    toClose(worker);
    const [state] = (await worker.run({ kind: 'queries', queries: query })) as readonly QueryBlockState[];
    expect(state!.tokens).toEqual((await encoded({ precision: 'int8' })).query.tokens);
  });
});

describe('LateSession', () => {
  const sessionOf = (released: string[]): GraphSession => ({
    inputs: new Set(),
    outputs: new Set(),
    run: async () => ({}),
    release: async () => void released.push('released'),
  });

  it('is loaded once for all who ask, and freed once', async () => {
    const released: string[] = [];
    let loads = 0;
    const late = new LateSession(async () => {
      loads += 1;
      return sessionOf(released);
    });
    const [one, other] = await Promise.all([late.open(), late.open()]);
    expect([one === other, loads]).toEqual([true, 1]);
    await late.release();
    expect(released).toEqual(['released']);
  });

  it('is loaded anew where that failed, and needs no freeing where nobody asked', async () => {
    let loads = 0;
    const late = new LateSession(async () => {
      loads += 1;
      if (loads === 1) throw new Error('no memory');
      return sessionOf([]);
    });
    await late.release();
    await expect(late.open()).rejects.toThrow('no memory');
    await expect(late.open()).resolves.toBeDefined();
  });
});
