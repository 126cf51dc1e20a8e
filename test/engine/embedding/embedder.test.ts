import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type EmbedderOptions,
  type Embeddings,
  ModelFormatError,
  openDecoderReranker,
  openEmbedder,
  openEncoderReranker,
} from '../../../engine/index.ts';
import { quantiseWeights } from '../../../engine/model/quantise-folder.ts';
import { floatToHalf } from '../../../engine/weights/half.ts';
import { readTensorBytes, readTensorTable, toFloat32 } from '../../../engine/weights/safetensors.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { parityFixtures, tinyDecoder } from '../../support/tiny/tiny-decoder.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

const tiny = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
const table = 'embeddings.word_embeddings.weight';

const embedOne = async (text: string, options: EmbedderOptions = {}): Promise<readonly number[]> => {
  const embedder = await openEmbedder({ model: tiny, isNormalised: false, ...options });
  return [...(await embedder.embed([text])).rows];
};
const rowOf = ({ rows, width }: Embeddings, i: number): readonly number[] => [
  ...rows.subarray(i * width, (i + 1) * width),
];
const near = (found: readonly number[], expected: readonly number[], tolerance: number): void => {
  for (const [k, value] of expected.entries()) expect(Math.abs(found[k]! - value)).toBeLessThan(tolerance);
};

/** The fixture with its table written in another form, and nothing else among its weights. */
async function withTable(form: {
  readonly dtype: string;
  readonly bytes: (values: Float32Array) => Uint8Array;
  readonly name?: string;
  readonly shape?: readonly number[];
}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-rows-'));
  await cp(tiny, folder, { recursive: true });
  const path = join(folder, 'model.safetensors');
  const entry = (await readTensorTable(path)).get(table)!;
  const bytes = form.bytes(toFloat32(await readTensorBytes(path, entry), 'float32'));
  const { name = table, shape = entry.shape } = form;
  const head = JSON.stringify({ [name]: { dtype: form.dtype, shape, data_offsets: [0, bytes.length] } });
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(head.length));
  await writeFile(path, Buffer.concat([lead, Buffer.from(head), bytes]));
  return folder;
}
const bytesOf = (array: Uint16Array | Float32Array): Uint8Array => new Uint8Array(array.buffer);

describe('openEmbedder', () => {
  it('gives the mean of the rows of the text’s tokens', async () => {
    // Rows of the fixture's table, first three of 48 values (bread 271, do 107, ##u 73, ##gh 163, rise 328, ##s 62, . 10):
    //    .139642  -.358488  -.206899
    //   -.805318 -1.998997  -.333078
    //    .411675   .932650 -1.142790
    //   -.848848  -.896148   .526408
    //   -.340058 -1.833203   .327947
    //   -.368772 -1.106161  -.584044
    //   1.380830 -1.080453  -.268509
    // Sums -.430848, -6.340800, -1.680967; a seventh of them:
    near(await embedOne('Bread dough rises.'), [-0.06155, -0.905829, -0.240138], 1e-6);
    // One token: its row (and 100).
    near(await embedOne('and'), [0.24183, -1.085598, 0.466388], 1e-6);
  });

  it('leaves special tokens out: unknown words, and text that spells one is text', async () => {
    expect(await embedOne('面包 and 🌊')).toEqual(await embedOne('and'));
    expect(await embedOne('[SEP] and')).not.toEqual(await embedOne('and'));
  });

  it.each(['', '  ', '🌊'])('gives a row of zeros where no token is left (%j)', async (text) => {
    for (const isNormalised of [true, false]) {
      const row = await embedOne(text, { isNormalised });
      expect(row).toHaveLength(48);
      expect(row.every((value) => value === 0)).toBe(true);
    }
  });

  it('gives rows of length 1 unless told otherwise, in the direction of the mean', async () => {
    const mean = await embedOne('Bread dough rises.');
    const row = await embedOne('Bread dough rises.', { isNormalised: undefined });
    const length = Math.hypot(...mean);
    near(
      row,
      mean.map((value) => value / length),
      1e-6,
    );
  });

  it('gives one row a text, in their order, the same whatever stands beside it', async () => {
    const embedder = await openEmbedder({ model: tiny });
    const texts = ['bread', '', 'night trains', 'bread'];
    const together = await embedder.embed(texts);
    expect([together.width, together.rows.length]).toEqual([48, 4 * 48]);
    for (const [i, text] of texts.entries()) {
      expect(rowOf(together, i)).toEqual(rowOf(await embedder.embed([text]), 0));
    }
    expect((await embedder.embed([])).rows).toHaveLength(0);
  });

  it('reads no more of a text than it is told', async () => {
    expect(await embedOne('and bread', { maxCharacters: 3 })).toEqual(await embedOne('and'));
  });

  it('ends with the reason of its signal', async () => {
    const embedder = await openEmbedder({ model: tiny });
    const reason = new Error('not wanted any more');
    await expect(embedder.embed(['a'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const call = embedder.embed(Array(20_000).fill('night trains carry cars'), { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(call).rejects.toBe(reason);
  });
});

describe('the table of an embedder', () => {
  const text = 'Bread dough rises.';

  it.each([
    ['float16', 'F16', (values: Float32Array) => Uint16Array.from(values, floatToHalf), 2e-3],
    ['bfloat16', 'BF16', (values: Float32Array) => upperHalves(values), 2e-2],
  ] as const)('may be in %s', async (_name, dtype, halves, tolerance) => {
    const model = await withTable({ dtype, bytes: (values) => bytesOf(halves(values)) });
    near(await embedOne(text, { model }), await embedOne(text), tolerance);
  });

  it.each([undefined, 16])(
    'may be in 8-bit integers with scales (groups of %s columns)',
    async (groupColumns) => {
      const model = await mkdtemp(join(tmpdir(), 'blockrank-rows-'));
      await cp(tiny, model, { recursive: true });
      const [from, to] = [join(tiny, 'model.safetensors'), join(model, 'model.safetensors')];
      await quantiseWeights(from, to, groupColumns === undefined ? {} : { groupColumns });
      // Half a step of the largest magnitude of a row, about 3 / 127.
      near(await embedOne(text, { model }), await embedOne(text), 0.02);
    },
  );

  it('is a decoder’s as well, from a checkpoint and from a GGUF file, with the same rows', async () => {
    const gguf = fileURLToPath(new URL('../../fixtures/ggml/mistral-tiny.gguf', import.meta.url));
    const checkpoint = await embedOne('the tide is high', { model: join(parityFixtures, 'mistral-tiny') });
    expect(checkpoint.some((value) => value !== 0)).toBe(true);
    near(await embedOne('the tide is high', { model: gguf }), checkpoint, 1e-3);
  });

  it('is looked for under the names of both families, with a prefix or without', async () => {
    const bytes = bytesOf;
    for (const name of ['bert.embeddings.word_embeddings.weight', 'model.embed_tokens.weight']) {
      const model = await withTable({ dtype: 'F32', bytes, name });
      expect(await embedOne(text, { model })).toEqual(await embedOne(text));
    }
  });

  it.each([
    ['is missing', { dtype: 'F32', bytes: bytesOf, name: 'lm_head.weight' }, 'a tensor of token embeddings'],
    [
      'is of integers without scales',
      { dtype: 'I8', bytes: (v: Float32Array) => new Uint8Array(v.length) },
      'int8 with',
    ],
    ['is no matrix', { dtype: 'F32', bytes: bytesOf, shape: [400 * 48] }, 'of shape [tokens, width]'],
  ])('that %s is a ModelFormatError', async (_what, form, expected) => {
    const error: unknown = await openEmbedder({ model: await withTable(form) }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(ModelFormatError);
    expect((error as ModelFormatError).expected).toContain(expected);
  });

  it('that has too few rows for a text’s tokens is a ModelFormatError', async () => {
    const bytes = (values: Float32Array): Uint8Array => bytesOf(values.slice(0, 50 * 48));
    const model = await withTable({ dtype: 'F32', bytes, shape: [50, 48] });
    await expect(embedOne('bread', { model })).rejects.toThrow(
      /a row for token 271, found an embedding table of 50/,
    );
  });
});

describe('what an embedder refuses', () => {
  it('is a folder without a tokenizer, a path that is not there, and a bound that is none', async () => {
    const model = await tinyModel();
    await rm(join(model, 'tokenizer.json'));
    await expect(openEmbedder({ model })).rejects.toThrow(ModelFormatError);
    await expect(openEmbedder({ model: '/nowhere' })).rejects.toThrow(ModelFormatError);
    await expect(openEmbedder({ model: tiny, maxCharacters: 0 })).rejects.toThrow(ConfigurationError);
  });
});

describe('the embedder of a reranker', () => {
  it('is its model’s, of both families', async () => {
    const folders = { encoder: await tinyModel(), decoder: await tinyDecoder() };
    const options = { workers: 1, threads: 1, warmUp: false };
    const rerankers = [
      [folders.encoder, await openEncoderReranker({ model: folders.encoder, ...options })],
      [folders.decoder, await openDecoderReranker({ model: folders.decoder, ...options })],
    ] as const;
    for (const [model, reranker] of rerankers) {
      const own = await openEmbedder({ model });
      expect(await reranker.embedder.embed(['bread'])).toEqual(await own.embed(['bread']));
      await reranker.close();
    }
  });

  it('reads nothing before it is asked, and tries again after it could not', async () => {
    const model = await tinyModel();
    const reranker = await openEncoderReranker({ model, workers: 1, warmUp: false });
    const path = join(model, 'tokenizer.json');
    const tokenizer = await readFile(path);
    await rm(path);
    await expect(reranker.embedder.embed(['bread'])).rejects.toThrow(ModelFormatError);
    await writeFile(path, tokenizer);
    expect((await reranker.embedder.embed(['bread'])).width).toBe(48);
    await reranker.close();
  });
});

describe('the anchors of an encoder', () => {
  const long = 'night trains carry cars, bicycles and sleepy families across the alps '.repeat(3);
  const list = shortlistOf('bread', 'bread dough rises', long, 'the tide is high');

  it('are one row of length 1 a document, in shortlist order, and the states that ranking left', async () => {
    const reranker = await openEncoderReranker({ model: await tinyModel(), workers: 1, warmUp: false });
    await reranker.rerank(list);
    const { states } = await reranker.encode(list);
    const { width, rows } = await reranker.anchors(list);
    expect(rows).toHaveLength(3 * width);
    for (let i = 0; i < 3; i += 1) {
      const row = rowOf({ width, rows }, i);
      expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    }
    // One block: its anchor as it is. Several: the direction of their mean.
    expect(rowOf({ width, rows }, 0)).toEqual([...states[0]!.anchors]);
    const { anchors, blockTokens } = states[1]!;
    expect(blockTokens.length).toBeGreaterThan(1);
    const sum = Array.from({ length: width }, (_, k) =>
      anchors.filter((_value, i) => i % width === k).reduce((a, b) => a + b),
    );
    near(
      rowOf({ width, rows }, 1),
      sum.map((value) => value / Math.hypot(...sum)),
      1e-6,
    );
    expect((await reranker.rerank(list)).usage.statesEncoded).toBe(0);
    await reranker.close();
    await expect(reranker.anchors(list)).rejects.toThrow(TypeError);
  });

  it('need no words in the query, and end with the reason of the signal', async () => {
    const reranker = await openEncoderReranker({ model: await tinyModel(), workers: 1, warmUp: false });
    expect((await reranker.anchors({ ...list, query: { text: '' } })).rows).toHaveLength(3 * 48);
    const reason = new Error('not wanted any more');
    await expect(reranker.anchors(list, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await reranker.close();
  });
});

/** Numbers cut to their upper halves, as bfloat16 keeps them. */
function upperHalves(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(words, (word) => word >>> 16);
}
