import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  lmdbSource,
  memorySource,
  openReranker,
  type Reranker,
  type RerankerOptions,
  type Shortlist,
  stateCodec,
} from '../../../../engine/index.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

let model: string;
let folder: string;
let open: Reranker[] = [];
beforeAll(async () => {
  model = await tinyModel();
  folder = await mkdtemp(join(tmpdir(), 'blockrank-kept-'));
});
afterAll(async () => {
  for (const reranker of open) await reranker.close();
  open = [];
  await rm(model, { recursive: true });
  await rm(folder, { recursive: true });
});

const opened = async (options: RerankerOptions = {}): Promise<Reranker> => {
  const reranker = await openReranker({ model, workers: 1, warmUp: false, stateCacheBytes: 0, ...options });
  open.push(reranker);
  return reranker;
};
const texts = [
  'the astronomer studies the stars and the planets of other suns with a large telescope every night',
  'a stew of beans and pork, cooked slowly over a small fire until it is thick',
  'stars',
];
const list: Shortlist = {
  query: { text: 'who studies the stars' },
  candidates: texts.map((text, i) => ({ docId: String(i), text, segments: [] })),
  firstStage: 'unknown',
};

describe('a reranker with a state codec', () => {
  it.each([
    'tokens-fp16',
    'tokens-int8',
    'tokens-int8:4',
    'tokens-int8:4:attention',
    'tokens-fp16:6:statistical',
  ])('ranks new states of %s as those that were kept, to the last bit', async (name) => {
    const codec = stateCodec(name);
    const at = join(folder, name.replaceAll(':', '-'));
    const first = await opened({ stateSource: lmdbSource({ folder: at, codec }), stateCodec: codec });
    const fresh = await first.rerank(list);
    expect(fresh.usage).toMatchObject({ statesFound: 0, statesEncoded: 3 });
    // Keeping goes on after the answer.
    await expect.poll(async () => (await first.rerank(list)).usage.statesFound).toBe(3);
    expect((await first.rerank(list)).candidates).toEqual(fresh.candidates);
  });

  it('ranks from anchors that are kept', async () => {
    const codec = stateCodec('anchor-int8');
    const reranker = await opened({
      tier: 'anchor',
      stateSource: lmdbSource({ folder: join(folder, 'anchors'), codec }),
      stateCodec: codec,
    });
    const fresh = await reranker.rerank(list);
    await expect.poll(async () => (await reranker.rerank(list)).usage.statesFound).toBe(3);
    expect((await reranker.rerank(list)).candidates).toEqual(fresh.candidates);
  });

  it('explains the mass of pruned states without claiming to know its place', async () => {
    const reranker = await opened({ stateCodec: stateCodec('tokens-fp16:12') });
    const { candidates } = await reranker.rerank(list, { explain: true });
    let sum = 0;
    for (const { index, explanation } of candidates) {
      sum += explanation!.mass!;
      // The last text is shorter than the bound, so all of its tokens have their places.
      if (index !== 2) expect(explanation).toMatchObject({ templateMass: explanation!.mass, spans: [] });
      else expect(explanation!.spans).not.toEqual([]);
    }
    expect(sum).toBeCloseTo(1, 5);
  });

  it('says by its readout digest that it ranks otherwise, and by its encoding digest that states are the same', async () => {
    const [plain, coded, anchor] = [
      await opened(),
      await opened({ stateCodec: stateCodec('tokens-int8:4') }),
      await opened({ tier: 'anchor' }),
    ].map(({ info }) => info);
    expect(new Set([plain, coded, anchor].map((info) => info!.encodingDigest)).size).toBe(1);
    expect(new Set([plain, coded, anchor].map((info) => info!.readoutDigest)).size).toBe(3);
  });

  it.each([
    ['anchor-fp16', 'tokens' as const],
    ['tokens-fp16', 'anchor' as const],
  ])('refuses %s where %s are read', async (name, tier) => {
    const failing = opened({ tier, stateCodec: stateCodec(name) });
    await expect(failing).rejects.toThrow(ConfigurationError);
    await expect(failing).rejects.toThrow(`stateCodec: expected a codec of tier ${tier}`);
  });
});

describe('rerankers of two tiers over one source', () => {
  it('share states where they can: anchors are read from tokens, and never taken for them', async () => {
    const kept = memorySource();
    const shared = {
      ...kept,
      close: async () => undefined,
      get counts() {
        return kept.counts;
      },
    };
    const anchor = await opened({ tier: 'anchor', stateSource: shared });
    const tokens = await opened({ stateSource: shared });
    await anchor.rerank(list);
    const whole = await tokens.rerank(list);
    expect(whole.usage.statesEncoded).toBe(3);
    expect((await (await opened()).rerank(list)).candidates).toEqual(whole.candidates);
    expect((await anchor.rerank(list)).usage.statesFound).toBe(3);
    expect((await tokens.rerank(list)).usage.statesFound).toBe(3);
  });
});
