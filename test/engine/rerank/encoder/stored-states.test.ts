import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BlockState,
  type EncoderReranker,
  encodeState,
  lmdbSource,
  memorySource,
  openEncoderReranker,
  type RerankerOptions,
  type Shortlist,
  type StoredState,
  stateCodec,
} from '../../../../engine/index.ts';
import { textDigest } from '../../../../engine/text-digest.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const texts = [
  'the astronomer studies the stars and the planets of other suns with a large telescope every night',
  'a stew of beans and pork, cooked slowly over a small fire until it is thick',
  'stars',
  'a ship that sails by the stars',
];
const tier = 'anchor';
const codec = stateCodec('anchor-fp16');

let model: string;
let folder: string;
const open: EncoderReranker[] = [];
beforeAll(async () => {
  model = await tinyModel();
  folder = await mkdtemp(join(tmpdir(), 'blockrank-stored-'));
});
afterAll(async () => {
  for (const reranker of open) await reranker.close();
  await rm(model, { recursive: true });
  await rm(folder, { recursive: true });
});

const opened = async (options: RerankerOptions = {}): Promise<EncoderReranker> => {
  const small = { model, workers: 1, warmUp: false, stateCacheBytes: 0, tier, stateCodec: codec } as const;
  const reranker = await openEncoderReranker({ ...small, ...options });
  open.push(reranker);
  return reranker;
};
const listOf = (
  stored: readonly (StoredState | undefined)[] = [],
  more: Partial<Shortlist> = {},
): Shortlist => ({
  query: { text: 'who studies the stars' },
  candidates: texts.map((text, i) => {
    const storedState = stored[i];
    return { docId: String(i), text, segments: [], ...(storedState && { storedState }) };
  }),
  firstStage: 'unknown',
  ...more,
});
const statesOf = async (reranker: EncoderReranker): Promise<readonly BlockState[]> =>
  (await reranker.encode(listOf())).states;
const keyOf = ({ info: { encodingDigest } }: EncoderReranker, text: string) => ({
  encodingDigest,
  textDigest: textDigest(text),
});
const bytesOf = async (reranker: EncoderReranker): Promise<Uint8Array[]> => {
  const states = await statesOf(reranker);
  return states.map((state, i) => encodeState(keyOf(reranker, texts[i]!), state, codec));
};

describe('a reranker whose candidates bring their states', () => {
  it('reads them, and ranks as it would have without, to the last bit', async () => {
    const reranker = await opened();
    const encoded = await reranker.rerank(listOf());
    const stored = await reranker.rerank(listOf(await bytesOf(reranker)));
    expect(stored.candidates).toEqual(encoded.candidates);
    expect(encoded.usage).not.toHaveProperty('storedStates');
    expect(stored.usage).toMatchObject({
      statesFound: 4,
      statesEncoded: 0,
      storedStates: { found: 4, missing: 0, stale: 0, foreign: 0, damaged: 0 },
    });
  });

  it('encodes what is missing, stale, foreign or damaged, and counts each', async () => {
    const reranker = await opened();
    const encoded = await reranker.rerank(listOf());
    const [whole, other] = await bytesOf(reranker);
    const damaged = Uint8Array.from(other!);
    damaged[100]! ^= 1;
    const [state] = await statesOf(reranker);
    const foreign = encodeState({ ...keyOf(reranker, texts[2]!), encodingDigest: 'other' }, state!, codec);
    const mixed = await reranker.rerank(listOf([undefined, damaged, foreign, whole]));
    expect(mixed.usage).toMatchObject({
      statesFound: 0,
      statesEncoded: 4,
      storedStates: { found: 0, missing: 1, stale: 1, foreign: 1, damaged: 1 },
    });
    expect(mixed.candidates).toEqual(encoded.candidates);
  });

  it('takes bytes that are no state at all for damaged', async () => {
    const reranker = await opened();
    const nonsense = [new Uint8Array(0), new Uint8Array(3), new Uint8Array(5000).fill(7)];
    const { usage } = await reranker.rerank(listOf(nonsense));
    expect(usage.storedStates).toMatchObject({ damaged: 3, missing: 1 });
  });

  it('counts all as missing where the index was asked and had none', async () => {
    const reranker = await opened();
    const { usage } = await reranker.rerank(listOf([], { asksStates: true }));
    expect(usage.storedStates).toEqual({ found: 0, missing: 4, stale: 0, foreign: 0, damaged: 0 });
  });

  it('keeps what it had to encode in its own source, and finds it there the next time', async () => {
    const reranker = await opened({ stateSource: memorySource() });
    const [whole] = await bytesOf(await opened());
    const first = await reranker.rerank(listOf([whole]));
    expect(first.usage).toMatchObject({ statesFound: 1, statesEncoded: 3 });
    const second = await reranker.rerank(listOf([whole]));
    expect(second.usage).toMatchObject({
      statesFound: 4,
      statesEncoded: 0,
      storedStates: { found: 1, missing: 3 },
    });
  });

  it('takes no anchors where it reads tokens', async () => {
    const anchors = await bytesOf(await opened());
    const reranker = await opened({ tier: 'tokens', stateCodec: stateCodec('tokens-fp16') });
    const { usage } = await reranker.rerank(listOf(anchors));
    expect(usage.storedStates).toMatchObject({ found: 0, foreign: 4 });
  });
});

describe('a reranker whose candidates bring vectors', () => {
  const single = { maxDocumentBlocks: 1 };
  const vectorsOf = async (reranker: EncoderReranker): Promise<number[][]> =>
    (await statesOf(reranker)).map(({ anchors }) => [...anchors]);

  it('reads them as anchors, whatever their length', async () => {
    const reranker = await opened(single);
    const encoded = await reranker.rerank(listOf());
    const values = (await vectorsOf(reranker)).map((vector) => vector.map((value) => 3 * value));
    const { candidates, usage } = await reranker.rerank(listOf(values.map((vector) => ({ values: vector }))));
    expect(usage).toMatchObject({ statesFound: 4, storedStates: { found: 4 } });
    candidates.forEach(({ index, logit }, place) => {
      expect(index).toBe(encoded.candidates[place]!.index);
      // Half precision left the anchors a little off the length 1 that vectors are scaled to.
      expect(logit).toBeCloseTo(encoded.candidates[place]!.logit, 2);
    });
  });

  it('takes none that says it is of another encoder or text, is too short, or has no direction', async () => {
    const reranker = await opened(single);
    const [values = []] = await vectorsOf(reranker);
    const { usage } = await reranker.rerank(
      listOf([
        { values, encodingDigest: 'other' },
        { values, textDigest: textDigest('another text') },
        { values: values.slice(1) },
        { values: values.map(() => 0) },
      ]),
    );
    expect(usage).toMatchObject({
      statesEncoded: 4,
      storedStates: { found: 0, missing: 0, stale: 1, foreign: 2, damaged: 1 },
    });
  });
});

describe('tenants', () => {
  it('find their own states, and never those of each other', async () => {
    const reranker = await opened({ stateSource: memorySource() });
    const usageFor = async (tenant?: string) =>
      (await reranker.rerank(listOf(), tenant === undefined ? {} : { tenant })).usage;
    expect(await usageFor('one')).toMatchObject({ statesFound: 0, statesEncoded: 4 });
    expect(await usageFor('other')).toMatchObject({ statesFound: 0, statesEncoded: 4 });
    expect(await usageFor()).toMatchObject({ statesFound: 0, statesEncoded: 4 });
    for (const tenant of ['one', 'other', undefined]) {
      expect(await usageFor(tenant)).toMatchObject({ statesFound: 4, statesEncoded: 0 });
    }
  });

  it('do not share what is being encoded either', async () => {
    const reranker = await opened();
    const [one, other] = await Promise.all(
      ['one', 'other'].map((tenant) => reranker.rerank(listOf(), { tenant })),
    );
    expect(one!.usage.statesEncoded + other!.usage.statesEncoded).toBe(8);
    expect(one!.candidates).toEqual(other!.candidates);
  });
});

describe('states of an encoder that reads fewer blocks', () => {
  const small = { maxDocumentTokens: 8, maxDocumentBlocks: 4 };
  const large = { maxDocumentTokens: 8, maxDocumentBlocks: 65 };

  it('are read where they cut nothing, bit by bit the same, and those of cut texts are encoded anew', async () => {
    const fewer = await opened(small);
    const earlier = await statesOf(fewer);
    const isWhole = earlier.map(({ truncatedTokens }) => truncatedTokens === 0);
    expect(isWhole).toContain(true);
    expect(isWhole).toContain(false);
    const whole = await statesOf(await opened(large));
    const kept = earlier.filter((_, i) => isWhole[i]);
    expect(kept).toEqual(whole.filter((_, i) => isWhole[i]));
    const stored = await bytesOf(fewer);
    const { usage } = await (await opened(large)).rerank(listOf(stored));
    const found = kept.length;
    expect(usage).toMatchObject({ statesFound: found, truncatedTokens: 0 });
    expect(usage.storedStates).toMatchObject({ found, foreign: texts.length - found });
  });

  it('are found in a source too, and never by an encoder that reads fewer still', async () => {
    const source = memorySource();
    await (await opened({ ...small, stateSource: source })).rerank(listOf());
    const more = await (await opened({ ...large, stateSource: source })).rerank(listOf());
    expect(more.usage.statesFound).toBeGreaterThan(0);
    expect(more.usage.statesFound).toBeLessThan(texts.length);
    const one = await opened({ ...small, maxDocumentBlocks: 1, stateSource: source });
    expect((await one.rerank(listOf())).usage).toMatchObject({ statesFound: 0 });
  });
});

describe('prepare', () => {
  const documents = texts.map((text, i) => ({ docId: `d${i}`, text }));

  it('leaves states on disk, where another process with the same texts finds them under any id', async () => {
    const at = join(folder, 'prepared');
    const first = await opened({ stateSource: lmdbSource({ folder: at, codec }) });
    expect(await first.prepare(documents, { tenant: 'shop' })).toMatchObject({
      statesFound: 0,
      statesEncoded: 4,
    });
    await first.close();
    const second = await opened({ stateSource: lmdbSource({ folder: at, codec }) });
    expect((await second.rerank(listOf(), { tenant: 'shop' })).usage).toMatchObject({ statesFound: 4 });
    expect((await second.rerank(listOf())).usage).toMatchObject({ statesFound: 0 });
    expect(await second.prepare(documents, { tenant: 'shop' })).toMatchObject({ statesFound: 4 });
  });

  it('names the documents that a cap cut', async () => {
    const reranker = await opened({ maxDocumentTokens: 8, maxDocumentBlocks: 1 });
    const { truncated } = await reranker.prepare(documents);
    expect(truncated).toEqual(['d0', 'd1', 'd3']);
  });

  it('rejects once the reranker is closed, and with the reason of its signal', async () => {
    const reranker = await opened();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(reranker.prepare(documents, { signal })).rejects.toThrow('enough');
    await reranker.close();
    await expect(reranker.prepare(documents)).rejects.toThrow(TypeError);
  });
});
