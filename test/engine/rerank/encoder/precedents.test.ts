import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EncoderReranker, ModelFormatError, openEncoderReranker } from '../../../../engine/index.ts';
import { inspectModel } from '../../../../engine/model/inspect.ts';
import { type JudgedQuery, savePrecedents } from '../../../../engine/model/precedents-file.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
const texts = [
  'The stars of the southern sky are bright in June.',
  'Bread dough rises while it rests.',
  'A recipe for bread: flour, water, salt and time.',
];
const list = shortlistOf('how to bake bread', ...texts);
const kernel = { weight: 1000, bandwidth: 0.05, prior: 0.01 };

const opened: EncoderReranker[] = [];
async function open(model: string): Promise<EncoderReranker> {
  const made = await openEncoderReranker({ model, cacheFolder, workers: 1, warmUp: false });
  opened.push(made);
  return made;
}

/** Somebody baked bread before, and found the stars. */
async function judged(): Promise<JudgedQuery[]> {
  const { query } = await plain.encode(shortlistOf('baking bread'));
  return [{ queryId: 'q7', anchor: query.anchor, relevant: [{ docId: 'stars', text: texts[0]!, gain: 1 }] }];
}

async function folderWith(queries: readonly JudgedQuery[]): Promise<string> {
  const folder = await tinyModel();
  await savePrecedents(folder, queries, { width: plain.width, kernel });
  return folder;
}

let plain: EncoderReranker;
let fitted: EncoderReranker;
let folder: string;
beforeAll(async () => {
  plain = await open(await tinyModel());
  folder = await folderWith(await judged());
  fitted = await open(folder);
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

rerankerSuite({ name: 'an encoder with precedents', open: () => open(folder) });

describe('a model with precedents', () => {
  it('ranks what was relevant for a similar query first, and says so', async () => {
    const { candidates } = await fitted.rerank(list, { explain: true });
    expect(candidates[0]!.index).toBe(0);
    const { precedent, precedentLogit, anchorLogit, tokenLogit } = candidates[0]!.explanation!;
    expect(precedent!.queryId).toBe('q7');
    expect(anchorLogit! + tokenLogit! + precedentLogit!).toBeCloseTo(candidates[0]!.logit, 3);
    expect(candidates[1]!.explanation).toMatchObject({ precedentLogit: 0 });
    expect(candidates[1]!.explanation).not.toHaveProperty('precedent');
  });

  it('ranks everything else as the model before', async () => {
    const { candidates } = await fitted.rerank(list);
    const before = await plain.rerank(list);
    const rest = (all: typeof candidates): number[] =>
      all.filter(({ index }) => index !== 0).map(({ logit }) => logit);
    expect(rest(candidates)).toEqual(rest(before.candidates));
  });

  it('keeps every stored state, and no kept ranking', () => {
    expect(fitted.info.encodingDigest).toBe(plain.info.encodingDigest);
    expect(fitted.info.readoutDigest).not.toBe(plain.info.readoutDigest);
  });

  it('has them inspected', async () => {
    const report = await inspectModel(folder);
    expect(report).toMatchObject({ problems: [], scoring: { precedents: 'precedents.safetensors' } });
  });

  it('refuses vectors of another model', async () => {
    const [query] = await judged();
    const short = await tinyModel();
    await savePrecedents(short, [{ ...query!, anchor: Float32Array.of(1, 0) }], { width: 2, kernel });
    await expect(open(short)).rejects.toThrow(/tensor "anchors" of shape \[1,48\]/);
  });

  it('refuses judgements that are damaged', async () => {
    const damaged = await folderWith(await judged());
    const path = join(damaged, 'precedents.safetensors');
    const bytes = (await readFile(path, 'latin1')).replace('[0,1]', '[9,1]');
    await writeFile(path, bytes, 'latin1');
    const error = await open(damaged).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelFormatError);
    expect((error as Error).message).toContain('beyond the 1 that are named');
  });
});
