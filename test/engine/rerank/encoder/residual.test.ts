import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  ModelFormatError,
  openReranker,
  openWorkerPool,
  type Ranking,
  type Reranker,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { residualKinds } from '../../../../engine/network/residuals.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';
import { tinyResidual } from '../../../support/tiny/tiny-residual.ts';

const shortlist = shortlistOf('bread', 'a loaf of bread', 'a red car', 'flour and water');
const open: { close(): Promise<void> }[] = [];
let model: string;

beforeAll(async () => {
  model = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
  await addTinyDepth(model);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});
afterAll(() => rm(model, { recursive: true }));

async function reranker(options: RerankerOptions = {}): Promise<Reranker> {
  const base = options.pool ? {} : { workers: 1 };
  const opened = await openReranker({ model, warmUp: false, ...base, ...options });
  open.push(opened);
  return opened;
}

const logits = ({ candidates }: Ranking): number[] =>
  [...candidates].sort((a, b) => a.index - b.index).map(({ logit }) => logit);
const rank = async (options: RerankerOptions = {}): Promise<number[]> =>
  logits(await (await reranker(options)).rerank(shortlist));

describe('openReranker with a residual', () => {
  it.each(residualKinds)('of kind %s scores as the base where it was not trained', async (kind) => {
    await tinyResidual(model, { form: { kind, rank: 4, window: 3 }, seed: 0, name: `start-${kind}` });
    const scores = async (options: RerankerOptions = {}): Promise<number[]> => {
      const { candidates } = await (await reranker(options)).rerank(shortlist);
      return candidates.map(({ score }) => score);
    };
    assertAllClose(await scores({ residual: `start-${kind}` }), await scores(), { atol: 1e-6 });
  });

  it('finds it by name in the model, or by path', async () => {
    const path = await tinyResidual(model, { name: 'tenant-a' });
    const named = await rank({ residual: 'tenant-a' });
    expect(await rank({ residual: path })).toEqual(named);
    expect(named).not.toEqual(await rank());
  });

  it.each(['int8', 'fp16'] as const)('serves it over %s', async (precision) => {
    await tinyResidual(model, { name: 'tenant-a' });
    const [exact, rounded] = [
      await rank({ residual: 'tenant-a' }),
      await rank({ residual: 'tenant-a', precision }),
    ];
    assertAllClose(rounded, exact, { atol: 0.15 });
  });

  it('reads queries at the depth that it stands over, whose own queries all layers read', async () => {
    const deep = await tinyModel({ depths: { 2: { weights: 'two.safetensors', queries: 'full-depth' } } });
    await addTinyDepth(deep);
    await tinyResidual(deep, { depth: 2, seed: 0, name: 'start' });
    const [residual, shallow, own] = [
      await rank({ model: deep, depth: 2, residual: 'start' }),
      await rank({ depth: 2 }),
      await rank({ model: deep, depth: 2 }),
    ];
    assertAllClose(residual, shallow, { atol: 1e-5 });
    expect(Math.abs(own[0]! - shallow[0]!)).toBeGreaterThan(1e-3);
    await rm(deep, { recursive: true });
  });

  it('gives states of different residuals different digests, and the base its own', async () => {
    for (const seed of [1, 2]) await tinyResidual(model, { seed, name: `tenant-${seed}` });
    const digests = [];
    for (const options of [{}, { residual: 'tenant-1' }, { residual: 'tenant-2' }]) {
      digests.push((await reranker(options)).info.encodingDigest);
    }
    expect(new Set(digests).size).toBe(3);
    await copyFile(join(model, 'residuals/tenant-1.safetensors'), join(model, 'residuals/same.safetensors'));
    expect((await reranker({ residual: 'same' })).info.encodingDigest).toBe(digests[1]);
  });

  it('shares one pool between tenants: each ranks as on workers of its own, in any order', async () => {
    const names = ['tenant-1', 'tenant-2', 'tenant-3'];
    for (const [i, name] of names.entries()) await tinyResidual(model, { seed: i + 1, name });
    const own: number[][] = [];
    for (const residual of [undefined, ...names])
      own.push(await rank(residual === undefined ? {} : { residual }));
    const pool = openWorkerPool({ workers: 2 });
    const tenants = await Promise.all(
      [{}, ...names.map((residual) => ({ residual }))].map((each) =>
        reranker({ ...each, pool, stateCacheBytes: 0 }),
      ),
    );
    for (let round = 0; round < 3; round += 1) {
      const rankings = await Promise.all(tenants.map((tenant) => tenant.rerank(shortlist)));
      for (const [i, ranking] of rankings.entries()) assertAllClose(logits(ranking), own[i]!, { atol: 1e-5 });
    }
    // One that is closed takes nothing from the others.
    await tenants[1]!.close();
    assertAllClose(logits(await tenants[2]!.rerank(shortlist)), own[2]!, { atol: 1e-5 });
    for (const each of open.splice(0)) await each.close();
    await pool.close();
  });

  it('refuses one of another model or depth, and says whose it is', async () => {
    const other = await tinyModel({ name: 'other' });
    // The digest covers the configuration.
    const config = join(other, 'config.json');
    await writeFile(
      config,
      `${JSON.stringify({ ...JSON.parse(await readFile(config, 'utf8')), note: 'another' })}\n`,
    );
    const path = await tinyResidual(other);
    const opening = reranker({ residual: path });
    await expect(opening).rejects.toBeInstanceOf(ModelFormatError);
    await expect(opening).rejects.toMatchObject({
      path,
      found: expect.stringContaining('one of "other"'),
      expected: expect.stringContaining('of the model "tiny"'),
    });
    await tinyResidual(model, { name: 'deep' });
    await expect(reranker({ residual: 'deep', depth: 2 })).rejects.toMatchObject({
      expected: expect.stringContaining('with 2 layers'),
    });
    await rm(other, { recursive: true });
  });

  it('refuses a file that is missing, is no residual, or holds numbers that are none', async () => {
    await expect(reranker({ residual: 'nobody' })).rejects.toMatchObject({
      code: 'model-format',
      path: join(model, 'residuals/nobody.safetensors'),
    });
    const weights = join(model, 'model.safetensors');
    await expect(reranker({ residual: weights })).rejects.toMatchObject({
      expected: 'the metadata of a residual',
    });
    const path = await tinyResidual(model, { name: 'broken' });
    const bytes = await readFile(path);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(path, bytes);
    await expect(reranker({ residual: 'broken' })).rejects.toMatchObject({
      expected: expect.stringContaining('finite numbers'),
    });
  });

  it('refuses one over a decoder', async () => {
    const decoder = await tinyDecoder();
    await expect(openReranker({ model: decoder, residual: 'tenant' })).rejects.toBeInstanceOf(
      ConfigurationError,
    );
    await rm(decoder, { recursive: true });
  });
});
