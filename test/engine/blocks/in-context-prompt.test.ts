import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { InContextPrompts, toChatFrame } from '../../../engine/blocks/in-context-prompt.ts';
import { blockRankTemplate } from '../../../engine/blocks/prompt-templates.ts';
import { type PromptTools, readPromptTools } from '../../../engine/model/prompt-tools.ts';
import { parityFixtures } from '../../support/tiny/tiny-decoder.ts';

let tools: PromptTools;
beforeAll(async () => {
  tools = await readPromptTools(join(parityFixtures, 'mistral-tiny'));
});

const promptsOf = (truncation: 'text' | 'block', maxDocumentTokens = 160): InContextPrompts =>
  new InContextPrompts(tools.tokenizer, blockRankTemplate(toChatFrame(tools.chat)), {
    maxDocumentTokens,
    maxQueryTokens: 32,
    truncation,
  });
const endOfTurn = 2; // `</s>`

describe('InContextPrompts', () => {
  it('parses special tokens of the template, and of texts only as the official code does', () => {
    const count = (truncation: 'text' | 'block'): number => {
      const { documents, instruction } = promptsOf(truncation).prompt('why </s>?', ['a </s> b', 'plain']);
      const blocks = [instruction, ...documents.map(({ ids }) => ids)];
      return blocks.flatMap((ids) => [...ids]).filter((id) => id === endOfTurn).length;
    };
    expect(count('text')).toBe(0);
    expect(count('block')).toBe(2);
    // The template's own: `<s>` and `[INST]` open the instruction.
    expect([...promptsOf('text').prompt('q', []).instruction].slice(0, 2)).toEqual([1, 3]);
  });

  it("puts a request's instruction before the query, as plain text, wherever the query stands", () => {
    const prompts = promptsOf('text');
    const spelled = (ids: Int32Array): string => tools.tokenizer.decode([...ids]);
    const asked = prompts.prompt('why', ['a'], { instruction: 'Find </s> causes.' });
    const plain = prompts.prompt('why', ['a']);
    for (const block of ['instruction', 'query'] as const) {
      expect(spelled(asked[block])).toContain('Instruct: Find </s> causes.\nQuery: why\n');
      expect([...asked[block]]).not.toContain(endOfTurn);
      expect(spelled(plain[block])).not.toContain('Instruct');
    }
    expect(asked.documents).toEqual(plain.documents);
    const labelTokens = 16; // this vocabulary has neither word whole
    const long = prompts.prompt('why', ['a'], { instruction: 'causes '.repeat(500) });
    expect(long.query.length).toBeLessThanOrEqual(plain.query.length + 32 + labelTokens);
  });

  it('keeps a text that holds the code points which mark special tokens from becoming one', () => {
    const { documents } = promptsOf('text').prompt('q', ['a \uFDD02\uFDD1 b']);
    expect([...documents[0]!.ids]).not.toContain(endOfTurn);
  });

  it('cuts words in text mode and whole blocks in block mode, and counts what it cut', () => {
    const long = 'the tide comes and goes '.repeat(30);
    const text = promptsOf('text', 64).document(long, 7);
    const block = promptsOf('block', 60).document(long, 7);
    expect(text.ids.length).toBeLessThanOrEqual(64);
    expect(text.ids.length).toBeGreaterThan(60);
    expect(tools.tokenizer.decode([...text.ids])).toMatch(/\| END ID: 7$/);
    // 60 rounded up to the official code's multiple of 16.
    expect(block.ids).toHaveLength(64);
    expect(tools.tokenizer.decode([...block.ids])).not.toContain('END ID');
    const whole = promptsOf('text', 10_000).document(long, 7).ids.length;
    expect(block.truncatedTokens).toBe(whole - 64);
    expect(text.truncatedTokens).toBe(whole - text.ids.length);
  });
});
