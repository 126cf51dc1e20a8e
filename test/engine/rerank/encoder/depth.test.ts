import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type EncoderReranker,
  inspectModel,
  ModelFormatError,
  openEncoderReranker,
  openReranker,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { toSafetensors } from '../../../../engine/weights/safetensors.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';
import { addTinyDepth, leaveOutUnits, tinyModel } from '../../../support/tiny/tiny-model.ts';
import { tinyReadout } from '../../../support/tiny/tiny-states.ts';

const readout = { ...tinyReadout, alpha: 0.25 };
const depths = { 2: { weights: 'two.safetensors', readout, fusionWeight: 0.1 } };
const list = shortlistOf(
  'who studies the stars',
  'a stew of beans',
  'the astronomer studies planets',
  'stars',
);

let model: string;
let merged: string;
let scratch: string;
let open: EncoderReranker[] = [];

beforeAll(async () => {
  model = await tinyModel({ depths });
  await addTinyDepth(model);
  merged = await asOwnModel(model);
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-depth-'));
});
afterAll(async () => {
  for (const reranker of open) await reranker.close();
  open = [];
  for (const folder of [model, merged, scratch]) await rm(folder, { recursive: true });
});

/** The two layers as a model of their own: the embeddings are the same file, and layer 2 is never read. */
async function asOwnModel(from: string): Promise<string> {
  const folder = await tinyModel({ readout, fusionWeight: 0.1 });
  const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 2 }));
  // Layer 1 of the smaller model is layer 2 of the fixture: its name in the header is swapped with layer 1's.
  const path = join(folder, 'model.safetensors');
  const bytes = await readFile(path);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = bytes
    .subarray(8, end)
    .toString('latin1')
    .replaceAll('encoder.layer.1.', 'encoder.layer.x.')
    .replaceAll('encoder.layer.2.', 'encoder.layer.1.')
    .replaceAll('encoder.layer.x.', 'encoder.layer.2.');
  bytes.write(header, 8, 'latin1');
  await writeFile(path, bytes);
  return folder;
}

const opened = async (options: RerankerOptions = {}): Promise<EncoderReranker> => {
  const reranker = await openEncoderReranker({ model, workers: 1, warmUp: false, ...options });
  open.push(reranker);
  return reranker;
};

describe('openReranker at a depth', () => {
  it.each(['fp32', 'int8'] as const)(
    'ranks as the layers in a model of their own would in %s',
    async (precision) => {
      const cacheFolder = scratch;
      const [at, own] = await Promise.all([
        opened({ depth: 2, precision, cacheFolder }),
        opened({ model: merged, precision, cacheFolder }),
      ]);
      const [found, expected] = await Promise.all([at.rerank(list), own.rerank(list)]);
      expect(found.candidates).toEqual(expected.candidates);
      const whole = await (await opened({ precision, cacheFolder })).rerank(list);
      expect(whole.candidates).not.toEqual(found.candidates);
    },
  );

  it('says its layers, and reads with the readout and fusion weight of the depth', async () => {
    const [at, whole, named] = await Promise.all([opened({ depth: 2 }), opened(), opened({ depth: 3 })]);
    expect([at.info.depth, whole.info.depth, named.info.depth]).toEqual([2, 3, 3]);
    expect([at.info.fusionWeight, whole.info.fusionWeight]).toEqual([0.1, 0.2]);
    expect([at.readout.alpha, whole.readout.alpha]).toEqual([0.25, tinyReadout.alpha]);
    expect(named.info.encodingDigest).toBe(whole.info.encodingDigest);
  });

  it("reads with the model's readout where the depth names none", async () => {
    const plain = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
    await addTinyDepth(plain);
    const at = await opened({ model: plain, depth: 2 });
    expect([at.readout, at.info.fusionWeight]).toEqual([tinyReadout, 0.2]);
    await rm(plain, { recursive: true });
  });

  it.each([{}, { precision: 'int8' }, { queryPrecision: 'int8' }] as const)(
    'reads queries with all layers where the manifest says so, over the same states (%j)',
    async (options) => {
      const deep = await tinyModel({ depths: { 2: { ...depths[2], queries: 'full-depth' } } });
      await addTinyDepth(deep);
      const cacheFolder = scratch;
      const [at, plain, whole] = await Promise.all([
        opened({ ...options, cacheFolder, model: deep, depth: 2 }),
        opened({ ...options, cacheFolder, depth: 2 }),
        opened({ ...options, cacheFolder }),
      ]);
      const [read, shallow, full] = await Promise.all([
        at.encode(list),
        plain.encode(list),
        whole.encode(list),
      ]);
      expect(read.states).toEqual(shallow.states);
      expect(read.query).toEqual(full.query);
      expect(read.query.anchor).not.toEqual(shallow.query.anchor);
      expect(at.info.encodingDigest).toBe(plain.info.encodingDigest);
      expect(at.info.readoutDigest).not.toBe(plain.info.readoutDigest);
      await rm(deep, { recursive: true });
    },
  );

  it('never finds the states of another depth', async () => {
    const stateFolder = join(scratch, 'states');
    const whole = await opened({ stateFolder, stateCacheBytes: 0 });
    await whole.rerank(list);
    await whole.close();
    const at = await opened({ stateFolder, stateCacheBytes: 0, depth: 2 });
    expect((await at.rerank(list)).usage).toMatchObject({ statesFound: 0, statesEncoded: 3 });
    expect(at.info.encodingDigest).not.toBe(whole.info.encodingDigest);
  });

  it('names states by the layers, so that a new file of layers makes new states', async () => {
    const other = await tinyModel({ depths });
    await addTinyDepth(other, [0, 1]);
    const [at, changed] = await Promise.all([opened({ depth: 2 }), opened({ model: other, depth: 2 })]);
    expect(changed.info.encodingDigest).not.toBe(at.info.encodingDigest);
    const [whole, wholeOther] = await Promise.all([opened(), opened({ model: other })]);
    expect(wholeOther.info.encodingDigest).toBe(whole.info.encodingDigest);
    await rm(other, { recursive: true });
  });

  it.each([1, 4, 0, 2.5])('refuses depth %s and lists those that there are', async (depth) => {
    const refused = openReranker({ model, depth });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: 'depth', message: `expected 3 or 2, got ${depth}` }],
    });
  });

  it('says so where the model has one depth alone', async () => {
    const alone = await tinyModel();
    await expect(openReranker({ model: alone, depth: 2 })).rejects.toMatchObject({
      issues: [{ path: 'depth', message: "expected 3, the model's only one, got 2" }],
    });
    await rm(alone, { recursive: true });
  });

  it('is no option of a decoder', async () => {
    const decoder = await tinyDecoder();
    await expect(openReranker({ model: decoder, depth: 2 })).rejects.toMatchObject({
      issues: [{ path: 'depth', message: expect.stringContaining('a decoder has no such option') }],
    });
  });
});

describe('a depth of narrower layers', () => {
  const kept = [
    { heads: [1, 3], inner: [0, 5, 17, 40, 95] },
    { heads: [0, 1, 2, 3], inner: [7] },
    { heads: [2], inner: Array.from({ length: 96 }, (_, i) => i) },
  ];
  const narrow = { 2: { weights: 'narrow.safetensors' } };

  it.each(['fp32', 'int8'] as const)(
    'reads as the model would whose other heads and inner values give nothing, in %s',
    async (precision) => {
      const [own, zeroed] = await Promise.all([tinyModel({ depths: narrow }), tinyModel()]);
      await Promise.all([leaveOutUnits(own, kept, 'narrow'), leaveOutUnits(zeroed, kept, 'zero')]);
      const cacheFolder = scratch;
      const [at, wide] = await Promise.all([
        opened({ model: own, depth: 2, precision, cacheFolder }),
        opened({ model: zeroed, precision, cacheFolder }),
      ]);
      const [read, expected] = await Promise.all([at.encode(list), wide.encode(list)]);
      const atol = precision === 'fp32' ? 1e-5 : 0.05; // other columns change what a step of 8 bits is
      for (const [i, { tokens }] of read.states.entries())
        assertAllClose([...tokens!], [...expected.states[i]!.tokens!], { rtol: 0, atol });
      expect(at.info.depth).toBe(2);
      const { depths: found, problems } = await inspectModel(own);
      expect(problems).toEqual([]);
      expect(found).toMatchObject([{ depth: 2, layers: 3 }]);
      for (const folder of [own, zeroed]) await rm(folder, { recursive: true });
    },
  );

  it('says what a file of narrower layers lacks', async () => {
    const own = await tinyModel({ depths: narrow });
    await leaveOutUnits(own, kept, 'narrow');
    const path = join(own, 'narrow.safetensors');
    const bytes = await readFile(path);
    const name = 'encoder.layer.1.output.dense.weight';
    bytes.write(name.replace('weight', 'missed'), bytes.indexOf(name), 'latin1');
    await writeFile(path, bytes);
    const { problems } = await inspectModel(own);
    expect(problems).toEqual([
      `depth 2: tensor "${name}" of "narrow.safetensors" is missing, expected shape [48,1]`,
    ]);
    await expect(openReranker({ model: own, depth: 2, workers: 1 })).rejects.toThrow(name);
    await rm(own, { recursive: true });
  });

  it("is refused where a layer has no head, or the layers are other than the depth's and as wide as the model's", async () => {
    const own = await tinyModel({ depths: narrow });
    await leaveOutUnits(own, [{ heads: [], inner: [1] }, ...kept.slice(1)], 'narrow');
    const refused = openReranker({ model: own, depth: 2 });
    await expect(refused).rejects.toThrow(ModelFormatError);
    await expect(refused).rejects.toThrow('layer 0 of 0 heads and an inner width of 1');
    await addTinyDepth(own, [0, 1, 2], 'narrow.safetensors');
    await expect(openReranker({ model: own, depth: 2 })).rejects.toThrow('3 layers');
    // A number that no model has: nothing is made for each layer up to it.
    const stray = { name: 'encoder.layer.4000000000.output.dense.bias', type: 'F32', shape: [1] } as const;
    const bytes = toSafetensors([{ ...stray, bytes: new Uint8Array(4) }], {});
    await writeFile(join(own, 'narrow.safetensors'), bytes);
    await expect(openReranker({ model: own, depth: 2 })).rejects.toThrow('4000000001 layers');
    await rm(own, { recursive: true });
  });
});

describe('a manifest with depths', () => {
  it.each([
    ['a depth that is no number', { two: { weights: 'two.safetensors' } }, 'expected a number of layers'],
    [
      'a file of another folder',
      { 2: { weights: '../two.safetensors' } },
      'expected the name of a safetensors file',
    ],
  ])('is refused for %s', async (_, wrong, message) => {
    const folder = await tinyModel({ depths: wrong });
    await expect(openReranker({ model: folder })).rejects.toThrow(message);
    await rm(folder, { recursive: true });
  });

  it('is refused for a depth that is not smaller than the model', async () => {
    const folder = await tinyModel({ depths: { 3: { weights: 'two.safetensors' } } });
    await addTinyDepth(folder, [0, 1, 2]);
    const refused = openReranker({ model: folder, depth: 3 });
    await expect(refused).rejects.toThrow(ModelFormatError);
    await expect(refused).rejects.toThrow("depths below the model's 3 layers");
    await rm(folder, { recursive: true });
  });

  it('is refused where the file of layers is missing, when the depth is asked for', async () => {
    const folder = await tinyModel({ depths });
    await expect(openReranker({ model: folder, depth: 2 })).rejects.toThrow('two.safetensors');
    await (await openReranker({ model: folder, warmUp: false, workers: 1 })).close();
    await rm(folder, { recursive: true });
  });
});

describe('inspectModel', () => {
  it('lists depths with their bytes, and what a file of layers lacks', async () => {
    const { depths: found, problems } = await inspectModel(model);
    expect(found).toEqual([{ depth: 2, layers: 2, file: 'two.safetensors', bytes: expect.any(Number) }]);
    expect(problems).toEqual([]);
    const lacking = await tinyModel({ depths });
    await addTinyDepth(lacking, [0]);
    const report = await inspectModel(lacking);
    expect(report.problems).toEqual([expect.stringMatching(/^depth 2: .*two\.safetensors.*1 layers/)]);
    await rm(lacking, { recursive: true });
  });
});

describe('the model that comes with the package', () => {
  it('has twelve narrower layers, and five whole ones, that stand in for its own, in files of at most 12 MB, and reads with them', async () => {
    const whole = await openEncoderReranker({ warmUp: false, workers: 1 });
    const half = await openEncoderReranker({ warmUp: false, workers: 1, depth: 6 });
    open.push(whole, half);
    const { depths: found, problems } = await inspectModel(half.modelFolder);
    expect(problems).toEqual([]);
    expect(found).toMatchObject([
      { depth: 6, layers: 12 },
      { depth: 5, layers: 5 },
    ]);
    for (const { bytes } of found!) expect(bytes).toBeLessThan(12e6);
    const texts = [
      'The moon pulls the water of the oceans, so the sea rises and falls twice a day.',
      'Knead the dough and let it rise for an hour.',
    ];
    const [a, b] = await Promise.all([whole.encodeTexts(texts), half.encodeTexts(texts)]);
    a.forEach(({ anchors }, i) => {
      const cosine = anchors.reduce((sum, value, j) => sum + value * b[i]!.anchors[j]!, 0);
      expect(cosine).toBeGreaterThan(0.95); // the narrower layers were trained towards these vectors
    });
    const ranking = await half.rerank(shortlistOf('why are there tides', texts[1]!, texts[0]!));
    expect(ranking.candidates.map(({ index }) => index)).toEqual([1, 0]); // the text about the moon explains tides
  });
});
