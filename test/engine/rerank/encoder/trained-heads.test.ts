import { mkdtempSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EncoderReranker, ModelFormatError, openEncoderReranker } from '../../../../engine/index.ts';
import { inspectModel } from '../../../../engine/model/inspect.ts';
import { toHeadsFile } from '../../../../engine/model/readout-heads.ts';
import { readoutInputs, toReadoutFeeds } from '../../../../engine/network/readout/readout-feeds.ts';
import { readoutLogits, trainedInputs } from '../../../../engine/network/readout/readout-graph.ts';
import { readOut } from '../../../../engine/readout/readout.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openGraph } from '../../../support/checks/gradient-check.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyHeadSizes, tinyHeadTensors } from '../../../support/tiny/tiny-heads.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
const list = shortlistOf(
  'how to bake bread',
  'Bread dough rises while it rests.',
  'The stars of the southern sky are bright in June.',
  'A recipe for bread: flour, water, salt and time.',
  `A long text about bread. ${'It goes on about the oven and the crust. '.repeat(12)}`,
);
/** Of the bert-tiny fixture. */
const width = 48;
const sizes = tinyHeadSizes(width);
const tensors = tinyHeadTensors(sizes, { scale: 0.3 });

type Tensors = Parameters<typeof toHeadsFile>[0];

async function folderWith(heads: Tensors): Promise<string> {
  const folder = await tinyModel({ heads: 'heads.safetensors' });
  await writeFile(join(folder, 'heads.safetensors'), toHeadsFile(heads));
  return folder;
}

const opened: EncoderReranker[] = [];
async function open(model: string): Promise<EncoderReranker> {
  const made = await openEncoderReranker({ model, cacheFolder, workers: 1, warmUp: false });
  opened.push(made);
  return made;
}
const logitsOf = async (reranker: EncoderReranker): Promise<number[]> => {
  const { candidates } = await reranker.rerank(list);
  return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
};

let plain: EncoderReranker;
let trained: EncoderReranker;
let trainedFolder: string;
beforeAll(async () => {
  plain = await open(await tinyModel());
  trainedFolder = await folderWith(tensors);
  trained = await open(trainedFolder);
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

rerankerSuite({ name: 'an encoder with trained heads', open: () => open(trainedFolder) });

describe('a model with trained heads', () => {
  it('serves what the graph that trains them computes', async () => {
    const { query, states } = await trained.encode(list);
    const session = await openGraph({
      logits: readoutLogits(readoutInputs(width, 'float32'), trained.readout, trainedInputs(sizes, [])),
    });
    const fed = [...tensors].map(([name, tensor]) => [name, { type: 'float32', ...tensor }] as const);
    const feeds = { ...toReadoutFeeds({ query, documents: states }, 'float32'), ...Object.fromEntries(fed) };
    const { logits } = await session.run(feeds, ['logits']);
    await session.release();
    assertAllClose(await logitsOf(trained), Array.from(logits!.data as Float32Array), {
      rtol: 1e-5,
      atol: 1e-4,
    });
  });

  it('computes in the workers what the reference readout computes', async () => {
    const { query, states } = await trained.encode(list);
    const { logits } = readOut(query, states, trained.readout, { heads: trained.heads });
    assertAllClose(await logitsOf(trained), logits, { rtol: 1e-5, atol: 1e-4 });
    const untrained = await logitsOf(plain);
    // Heads that nobody applies would agree as well.
    expect(Math.max(...untrained.map((logit, i) => Math.abs(logit - logits[i]!)))).toBeGreaterThan(0.1);
  });

  it('keeps every stored state, and no kept ranking', () => {
    expect(trained.info.encodingDigest).toBe(plain.info.encodingDigest);
    expect(trained.info.readoutDigest).not.toBe(plain.info.readoutDigest);
  });

  it('is the model without heads, to the last bit, while they change nothing', async () => {
    const zeros = new Map(
      [...tensors].map(([name, { shape, data }]) => {
        const isOff = name.endsWith('.up') || name === 'list.hidden' || name === 'list.prior';
        return [name, { shape, data: isOff ? new Float32Array(data.length) : data }];
      }),
    );
    const start = await open(await folderWith(zeros));
    expect(await logitsOf(start)).toEqual(await logitsOf(plain));
  });

  it('explains each part of a logit', async () => {
    const { candidates } = await trained.rerank(list, { explain: true });
    for (const { explanation, logit, index } of candidates) {
      if (index === 3) continue; // of several blocks, whose parts are joined one by one
      const { anchorLogit, tokenLogit, listLogit } = explanation!;
      expect(anchorLogit! + tokenLogit! + listLogit!).toBeCloseTo(logit, 4);
    }
    expect(candidates.reduce((sum, { explanation }) => sum + explanation!.mass!, 0)).toBeCloseTo(1, 4);
  });

  it.each<[string, (all: Map<string, { shape: readonly number[]; data: Float32Array }>) => void, RegExp]>([
    ['lacks a tensor', (all) => all.delete('token.up'), /tensor "token.up" of shape \[2,48\]/],
    ['has a layer without its end', (all) => all.delete('list.hidden'), /tensor "list\./],
    [
      'is for another width',
      (all) => all.set('list.prior', { shape: [8], data: new Float32Array(8) }),
      /"list.prior" of shape \[48\]/,
    ],
    [
      'has a tensor that nobody knows',
      (all) => all.set('more', { shape: [1], data: new Float32Array(1) }),
      /tensor "more"/,
    ],
    [
      'holds no number',
      (all) => all.set('list.prior', { shape: [48], data: new Float32Array(48).fill(Number.NaN) }),
      /finite numbers in tensor "list.prior"/,
    ],
  ])('refuses a file that %s', async (_, change, message) => {
    const changed = new Map(tensors);
    change(changed);
    const folder = await folderWith(changed);
    const error = await open(folder).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelFormatError);
    expect((error as Error).message).toMatch(message);
  });

  it('is described with its heads, and with what is wrong with them', async () => {
    const { scoring, problems } = await inspectModel(await folderWith(new Map([...tensors].slice(1))));
    expect(scoring).toMatchObject({ heads: 'heads.safetensors' });
    expect(problems).toEqual([expect.stringContaining('found tensor "reading.up"')]);
  });

  it('refuses a missing file, and a name that leads out of the folder', async () => {
    await expect(open(await tinyModel({ heads: 'none.safetensors' }))).rejects.toThrow(/ENOENT/);
    await expect(open(await tinyModel({ heads: '../heads.safetensors' }))).rejects.toThrow(
      /heads: expected the name/,
    );
  });
});
