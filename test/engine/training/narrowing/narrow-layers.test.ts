import { readFile, rm } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../engine/evaluation/random.ts';
import { type EncoderReranker, openEncoderReranker } from '../../../../engine/index.ts';
import { type NarrowedLayers, narrowLayers } from '../../../../engine/training/narrowing/narrow-layers.ts';
import { saveDepth } from '../../../../engine/training/narrowing/save-depth.ts';
import { encoderLayersTrainee } from '../../../../engine/training/trainees/encoder-layers.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { leaveOutUnits, tinyModel } from '../../../support/tiny/tiny-model.ts';

const depths = { 2: { weights: 'narrow.safetensors' } };
const vocabulary: Readonly<Record<string, number>> = JSON.parse(
  await readFile(new URL('../../../fixtures/bert-tiny/tokenizer.json', import.meta.url), 'utf8'),
).model.vocab;
const words = Object.keys(vocabulary).filter((word) => /^[a-z]{2,}$/.test(word));

/** Texts of 4 to 23 words that the model knows. */
function textsOf(count: number, seed: number): string[] {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(limit * random());
  return Array.from({ length: count }, () =>
    Array.from({ length: 4 + below(20) }, () => words[below(words.length)]!).join(' '),
  );
}

const [texts, others] = [textsOf(160, 1), textsOf(40, 2)];

let open: EncoderReranker[] = [];
const folders: string[] = [];

afterAll(async () => {
  for (const each of open) await each.close();
  open = [];
  for (const folder of folders) await rm(folder, { recursive: true });
});

const folderWith = async (manifest: object = {}): Promise<string> => {
  const folder = await tinyModel({ ...manifest });
  folders.push(folder);
  return folder;
};

/** Mean of 1 - cosine of anchors of texts that nothing was fitted to. */
async function distance(model: string, depth: number): Promise<number> {
  const options = { model, workers: 1, warmUp: false };
  const [whole, narrow] = await Promise.all([
    openEncoderReranker(options),
    openEncoderReranker({ ...options, depth }),
  ]);
  open.push(whole, narrow);
  const [a, b] = await Promise.all([whole.encodeTexts(others), narrow.encodeTexts(others)]);
  const cosines = a.map(({ anchors }, i) =>
    anchors.reduce((sum, value, j) => sum + value * b[i]!.anchors[j]!, 0),
  );
  return 1 - cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
}

/** Multiply-adds of the matrices of every layer. */
const products = ({ heads, innerWidths }: NarrowedLayers): number =>
  heads.reduce((sum, count, i) => sum + 4 * 48 * 12 * count + 2 * 48 * innerWidths[i]!, 0);

const whole = products({ tensors: new Map(), heads: [4, 4, 4], innerWidths: [96, 96, 96] });

describe('narrowLayers', () => {
  it('keeps the share that is asked for, and is nearer to the model than a choice without looking', async () => {
    const folder = await folderWith();
    const narrowed = await narrowLayers({ model: folder, share: 0.6, texts });
    expect(products(narrowed)).toBeLessThanOrEqual(0.6 * whole);
    expect(products(narrowed)).toBeGreaterThan(0.55 * whole);
    await saveDepth(folder, 2, narrowed.tensors);
    const blind = await folderWith({ depths });
    const first = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
    const kept = narrowed.heads.map((count, i) => ({
      heads: first(count),
      inner: first(narrowed.innerWidths[i]!),
    }));
    await leaveOutUnits(blind, kept, 'narrow');
    expect(await distance(folder, 2)).toBeLessThan((await distance(blind, 2)) / 3);
  });

  it('changes nothing where everything is kept', async () => {
    const folder = await folderWith();
    const narrowed = await narrowLayers({ model: folder, share: 1, texts });
    expect([narrowed.heads, narrowed.innerWidths]).toEqual([
      [4, 4, 4],
      [96, 96, 96],
    ]);
    const { tensors } = await encoderLayersTrainee({ model: folder });
    for (const [name, { data }] of tensors)
      assertAllClose([...narrowed.tensors.get(name)!.data], [...data], { rtol: 1e-3, atol: 1e-4 });
  });

  it.each([0.01, 0, 1.1, Number.NaN])('refuses a share of %d, and no texts', async (share) => {
    const folder = await folderWith();
    await expect(narrowLayers({ model: folder, share, texts: [] })).rejects.toMatchObject({
      issues: [
        { path: 'share', message: expect.stringContaining(`to 1, got ${share}`) },
        { path: 'texts', message: 'expected some hundred documents, got none' },
      ],
    });
  });
});
