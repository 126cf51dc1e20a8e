import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDecoderFolder } from '../../../../engine/model/decoder-folder.ts';
import { readPromptTools } from '../../../../engine/model/prompt-tools.ts';
import { InContextScorer } from '../../../../engine/rerank/decoder/in-context-scorer.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { parityFixtures, tinyScoring } from '../../../support/tiny/tiny-decoder.ts';

let scorer: InContextScorer;

beforeAll(async () => {
  const path = join(parityFixtures, 'llama-tiny');
  const { config, weights } = await openDecoderFolder(path);
  scorer = new InContextScorer(
    {
      parts: { config, weights: weights.table },
      scoring: tinyScoring,
      caps: { maxDocumentTokens: 96, maxQueryTokens: 32, truncation: 'text' },
      batchTokens: 100,
      session: { folder: path, threads: 1, prepack: true },
    },
    await readPromptTools(path),
  );
});
afterAll(() => scorer.release());

const texts = fc.array(fc.string({ maxLength: 80 }), { minLength: 2, maxLength: 5 });

describe('InContextScorer', () => {
  it('scores documents alike in any order when they keep their ids', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.infiniteStream(fc.nat()), async (some, stream) => {
        const prompt = scorer.prompts.prompt('which is it', some);
        const keys = some.map(() => stream.next().value);
        const order = [...some.keys()].sort((a, b) => keys[a]! - keys[b]! || a - b);
        const shuffled = { ...prompt, documents: order.map((index) => prompt.documents[index]!) };
        const [plain, moved] = [await scorer.encode(prompt), await scorer.encode(shuffled)];
        const { documents } = await scorer.score(plain!);
        const other = await scorer.score(moved!);
        assertAllClose(
          other.documents,
          order.map((index) => documents[index]!),
          { atol: 1e-4 },
        );
      }),
      { numRuns: 25 },
    );
  });

  it('never cuts the end of a document’s block or the opened answer, however long the words are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 50, maxLength: 900 }), async (long) => {
        const { documents, query, instruction } = scorer.prompts.prompt(long, [long]);
        const [block] = documents;
        const short = scorer.prompts.prompt('q', ['d']);
        const tail = (ids: Int32Array, count: number): number[] => [...ids.subarray(ids.length - count)];
        assertAllClose(tail(block!.ids, 3), tail(short.documents[0]!.ids, 3));
        assertAllClose(tail(query, 8), tail(short.query, 8));
        if (block!.ids.length > 96) throw new Error(`the block has ${block!.ids.length} tokens`);
        if (instruction.length > short.instruction.length + 33) throw new Error('the query was not cut');
      }),
      { numRuns: 25 },
    );
  });

  it('knows what a list takes of a card before anything is opened there', async () => {
    const path = join(parityFixtures, 'llama-tiny');
    const { config, weights } = await openDecoderFolder(path);
    const tools = await readPromptTools(path);
    const on = (provider: 'cpu' | 'cuda' | 'webgpu') =>
      new InContextScorer(
        {
          parts: { config, weights: weights.table, computeType: 'float16' },
          scoring: tinyScoring,
          caps: { maxDocumentTokens: 96, maxQueryTokens: 32, truncation: 'text' },
          batchTokens: 100,
          session: { folder: path, threads: 1, prepack: true, provider },
        },
        tools,
      );
    const needsOf = (provider: 'cpu' | 'cuda' | 'webgpu', documents: number) => {
      const made = on(provider);
      const prompt = made.prompts.prompt('which', Array(documents).fill('the tide is highest'));
      return made.needs(prompt);
    };
    const [few, many] = [needsOf('cuda', 5), needsOf('cuda', 500)];
    expect(many.tokens).toBeGreaterThan(20 * few.tokens);
    expect(many.needs['one-run'].device).toBeGreaterThan(few.needs['one-run'].device);
    // Keys and values stay on the card, and three sessions of the batches hold the weights thrice.
    expect(many.needs['one-run'].host).toBeLessThan(many.needs.batches.host);
    expect(few.needs.batches.device).toBeGreaterThan(few.needs['one-run'].device);
    // By products, matrices of logits lie in memory.
    expect(needsOf('webgpu', 500).needs['one-run'].device).toBeGreaterThan(0);
    expect(needsOf('cpu', 500).needs['one-run'].device).toBe(0);
    expect(needsOf('cpu', 500).needs['one-run'].host).toBeGreaterThan(many.needs['one-run'].host);
  });
});
