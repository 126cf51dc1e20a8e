import { mkdtempSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  InContextEncoderReranker,
  inspectModel,
  ModelFormatError,
  memorySource,
  modelProfile,
  openEncoderReranker,
  openReranker,
  QueryError,
  type Reranker,
  type RerankerOptions,
  type Shortlist,
  stateCodec,
} from '../../../../engine/index.ts';
import { readGates } from '../../../../engine/model/gates-file.ts';
import { readManifest } from '../../../../engine/model/manifest.ts';
import { readEncoderConfig } from '../../../../engine/model/read-encoder-config.ts';
import { cutStates } from '../../../../engine/rerank/encoder/cut-states.ts';
import { open as openDevice } from '../../../../engine/rerank/encoder/device-program.ts';
import { open as openProgram } from '../../../../engine/rerank/encoder/encoder-program.ts';
import type { QueryBlockState } from '../../../../engine/rerank/encoder/seen-feeds.ts';
import type { EncodedBlock } from '../../../../engine/states/encoded-block.ts';
import { weightsFor } from '../../../../engine/weights/precision-weights.ts';
import { toSafetensors } from '../../../../engine/weights/safetensors.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf, breadTexts as texts } from '../../../support/tiny/shortlist.ts';
import { tinyGates, tinyInContextModel } from '../../../support/tiny/tiny-in-context.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
const list = shortlistOf('how to bake bread', ...texts);
const other = shortlistOf('bright stars in the southern sky', ...texts);

let folder: string;
const opened: Reranker[] = [];
async function open(options: RerankerOptions = {}): Promise<Reranker> {
  const made = await openReranker({ model: folder, cacheFolder, workers: 1, ...options });
  opened.push(made);
  return made;
}
beforeAll(async () => {
  folder = await tinyInContextModel(tinyGates(0.5));
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

const logits = async (reranker: Reranker, shortlist: Shortlist = list): Promise<number[]> => {
  const { candidates } = await reranker.rerank(shortlist);
  return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
};

rerankerSuite({ name: 'an encoder of the in-context profile', open: () => open() });

describe('InContextEncoderReranker', () => {
  it.each(['fp32', 'int8', 'fp16'] as const)(
    'ranks as the model of the cacheable profile does while its gates are 0 (%s)',
    async (precision) => {
      const closed = await open({ model: await tinyInContextModel(tinyGates(0)), precision });
      expect(closed).toBeInstanceOf(InContextEncoderReranker);
      const cacheable = await open({ model: await tinyModel(), precision });
      assertAllClose(await logits(closed), await logits(cacheable), { rtol: 1e-5, atol: 1e-5 });
    },
  );

  it('reads documents in the light of the query once gates are open', async () => {
    const [gated, cacheable] = [await open(), await open({ model: await tinyModel() })];
    const [found, plain] = [await logits(gated), await logits(cacheable)];
    expect(Math.max(...found.map((logit, i) => Math.abs(logit - plain[i]!)))).toBeGreaterThan(0.01);
  });

  it.each([
    ['int8', 0.2],
    ['fp16', 2e-2],
  ] as const)('computes in %s about what it computes in float32', async (precision, atol) => {
    assertAllClose(await logits(await open({ precision })), await logits(await open()), { rtol: 0, atol });
  });

  it('gives the same logits whatever the batches, and from anchors alone where it is told so', async () => {
    const whole = await logits(await open());
    assertAllClose(await logits(await open({ batchTokens: 8, workers: 2 })), whole, {
      rtol: 1e-4,
      atol: 1e-4,
    });
    const anchors = await (await open({ tier: 'anchor' })).rerank(list, { explain: true });
    expect(anchors.candidates[0]!.explanation!.tokenLogit).toBeUndefined();
  });

  it('keeps requests apart that read the same documents at the same time', async () => {
    const reranker = await open({ workers: 2 });
    const [one, two] = [await logits(reranker), await logits(reranker, other)];
    const both = [list, other, list, other].map((each) => logits(reranker, each));
    expect(await Promise.all(both)).toEqual([one, two, one, two]);
  });

  it('finds no state and keeps none', async () => {
    const reranker = await open();
    for (let time = 0; time < 2; time += 1) {
      const { usage } = await reranker.rerank(list);
      expect(usage).toMatchObject({ statesFound: 0, statesEncoded: texts.length });
      expect(usage.storedStates).toBeUndefined();
    }
    expect([reranker.prepare, reranker.anchors]).toEqual([undefined, undefined]);
    expect(reranker.info.profile).toBe('in-context');
  });

  it('passes over the state that an index keeps for a document', async () => {
    const reranker = await open();
    const stored = {
      ...list,
      asksStates: true,
      candidates: list.candidates.map((each) => ({ ...each, storedState: new Uint8Array(8) })),
    };
    expect(await logits(reranker, stored)).toEqual(await logits(reranker));
  });

  it('explains where the query looked; masses sum to 1 over the list', async () => {
    const { candidates } = await (await open()).rerank(list, { explain: true });
    const masses = candidates.map(({ explanation }) => explanation!.mass!);
    expect(masses.reduce((sum, mass) => sum + mass, 0)).toBeCloseTo(1, 5);
    expect(candidates.some(({ explanation }) => explanation!.spans.length > 0)).toBe(true);
  });

  it('ends with the reason of its signal, and ranks the next list', async () => {
    const reranker = await open({ batchTokens: 8 });
    const expected = await logits(reranker);
    const reason = new Error('enough');
    const controller = new AbortController();
    const running = reranker.rerank(list, { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(await logits(reranker)).toEqual(expected);
  });

  it('refuses a query without a word, and counts tokens as the cacheable profile does', async () => {
    const [reranker, cacheable] = [await open(), await open({ model: await tinyModel() })];
    await expect(reranker.rerank(shortlistOf(' ', ...texts))).rejects.toThrow(QueryError);
    expect(await reranker.countTokens!(list)).toBe(await cacheable.countTokens!(list));
  });

  it('is told apart by its digests from the model without gates, and from other gates', async () => {
    const models = [
      folder,
      await tinyInContextModel(tinyGates(0.5)),
      await tinyInContextModel(tinyGates(0.4)),
      await tinyModel(),
    ];
    const digests: string[] = [];
    for (const model of models) digests.push((await open({ model })).info.encodingDigest);
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(3);
  });

  it('refuses every option of states at once, and closes the source that it was given', async () => {
    const stateSource = memorySource();
    const codec = stateCodec('tokens-fp16');
    const refused = openReranker({
      model: folder,
      stateSource,
      stateCodec: codec,
      depth: 3,
      stateFolder: 'x',
    });
    await expect(refused).rejects.toThrow(ConfigurationError);
    const message = 'an encoder of the profile in-context has no such option; leave it out';
    await expect(refused).rejects.toMatchObject({
      issues: ['depth', 'stateFolder', 'stateSource', 'stateCodec'].map((path) => ({ path, message })),
    });
    await expect(stateSource.getMany([])).rejects.toThrow(TypeError);
  });

  it('is not opened where states are made of documents alone', async () => {
    const refused = openEncoderReranker({ model: folder });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toThrow('keeps no states; open it with openReranker');
  });
});

describe('the device program with gates', () => {
  it.each([
    ['tokens', 'fp32', 1e-5],
    ['tokens', 'fp16', 2e-3],
    ['anchor', 'fp32', 1e-5],
  ] as const)('reads documents as the processor’s workers do (%s, %s)', async (tier, precision, atol) => {
    const config = await readEncoderConfig(folder);
    const gates = await readGates(folder, 'gates.safetensors', config);
    const source = { folder, file: 'model.safetensors', digest: folder };
    const weights = await weightsFor('fp32', source, cacheFolder);
    const { caps, instruction } = await readManifest(folder);
    const data = { config, weights, gates, modelDigest: folder, tier };
    const host = await openProgram({
      ...data,
      tokenizerPath: join(folder, 'tokenizer.json'),
      precision: 'fp32',
      instruction,
      caps,
      threads: 1,
      prepack: true,
    });
    const device = await openDevice({ ...data, precision, provider: 'cpu' });
    const [state] = (await host.run({
      kind: 'queries',
      queries: [{ text: 'how to bake bread' }],
    })) as QueryBlockState[];
    const { seen } = state!;
    const blocks = [Int32Array.of(2, 7, 9, 45, 3), Int32Array.of(2, 99, 3)];
    const expected = (await host.run({ kind: 'encode', blocks, seen })) as readonly EncodedBlock[];
    const blind = (await host.run({ kind: 'encode', blocks })) as readonly EncodedBlock[];
    const { rows, rowsPerBlock } = await device.run({ blocks, seen });
    const lengths = tier === 'anchor' ? [1, 1] : [5, 3];
    const found = cutStates({ rows, rowsPerBlock, width: config.width, first: 0, lengths });
    for (const [b, { anchor, tokens }] of expected.entries()) {
      assertAllClose(found[b]!.anchor, anchor, { rtol: 0, atol });
      if (tokens) assertAllClose(found[b]!.tokens!, tokens, { rtol: 0, atol });
      expect(Math.max(...anchor.map((x, i) => Math.abs(x - blind[b]!.anchor[i]!)))).toBeGreaterThan(0.005);
    }
    await Promise.all([host.close(), device.close()]);
  });
});

describe('a folder of the in-context profile', () => {
  it('is told by its manifest', async () => {
    expect(await modelProfile(folder)).toBe('in-context');
    expect(await modelProfile(await tinyModel())).toBe('cacheable');
    expect(await inspectModel(folder)).toMatchObject({ profile: 'in-context', problems: [] });
  });

  it.each([
    [{ gates: undefined }, 'gates: expected the file of the gates of the profile in-context'],
    [{ profile: 'cacheable' }, 'gates: expected none with the profile cacheable'],
    [{ depths: { 2: { weights: 'two.safetensors' } } }, 'depths: expected none with the profile in-context'],
  ])('is refused with %j', async (manifest, message) => {
    const refused = openReranker({ model: await tinyInContextModel(tinyGates(0.5), manifest) });
    await expect(refused).rejects.toThrow(ModelFormatError);
    await expect(refused).rejects.toThrow(message);
  });

  it.each([
    ['another shape', 'encoder.layer.1.attention.cross.gates', [3], [1, 1, 1]],
    ['no such layer', 'encoder.layer.3.attention.cross.gates', [4], [1, 1, 1, 1]],
    ['another name', 'gates', [4], [1, 1, 1, 1]],
    ['no finite number', 'encoder.layer.1.attention.cross.gates', [4], [1, Number.NaN, 1, 1]],
  ])('is refused with gates of %s', async (_, name, shape, values) => {
    const model = await tinyInContextModel(tinyGates(0.5));
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    await writeFile(
      join(model, 'gates.safetensors'),
      toSafetensors([{ name, type: 'F32', shape, bytes }], {}),
    );
    const refused = openReranker({ model });
    await expect(refused).rejects.toThrow(ModelFormatError);
    await expect(refused).rejects.toThrow('finite gates of shape [4] of layers below 3');
    expect((await inspectModel(model)).problems).toEqual([expect.stringContaining('finite gates')]);
  });
});
