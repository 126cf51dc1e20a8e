import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDocumentBlocks } from '../../../engine/blocks/document-blocks.ts';
import { toQueryBlock } from '../../../engine/blocks/query-block.ts';
import { alignTokens } from '../../../engine/blocks/spans.ts';
import { parseTokenizer, type Tokenizer } from '../../../engine/tokenizer/tokenizer.ts';

const file = new URL('../../fixtures/bert-tiny/tokenizer.json', import.meta.url);
const tokenizer = parseTokenizer(JSON.parse(readFileSync(file, 'utf8')), file.pathname);

/** One token a word, ids counting up: what a block holds can be read off. */
const counting: Tokenizer = {
  openId: -1,
  closeId: -2,
  padId: 0,
  encode: (text) => Int32Array.from(text.split(/\s+/).filter(Boolean), (_word, i) => i),
  spell: String,
};
const words = (count: number): string => Array.from({ length: count }, () => 'w').join(' ');
const caps = { maxDocumentTokens: 12, maxDocumentBlocks: 3, blockOverlapTokens: 2, maxQueryTokens: 4 };

describe('toDocumentBlocks', () => {
  it('keeps a document that fits as one block between its special tokens', () => {
    const { blocks, truncatedTokens } = toDocumentBlocks(words(3), counting, caps);
    expect(blocks.map((ids) => [...ids])).toEqual([[-1, 0, 1, 2, -2]]);
    expect(truncatedTokens).toBe(0);
  });

  it('cuts a long document into blocks that overlap, and reports what is left', () => {
    const { blocks, starts, truncatedTokens } = toDocumentBlocks(words(40), counting, caps);
    expect(starts).toEqual([0, 8, 16]);
    expect(blocks.every((ids) => ids.length === 12)).toBe(true);
    expect(truncatedTokens).toBe(40 - 26);
  });

  it('gives an empty text one block without tokens of its own', () => {
    expect([...toDocumentBlocks('', tokenizer, caps).blocks[0]!]).toEqual([
      tokenizer.openId,
      tokenizer.closeId,
    ]);
  });

  it('reads of a 1 MB document no more than its blocks can hold', () => {
    let read = 0;
    const spy: Tokenizer = {
      ...counting,
      encode: (text) => {
        read = text.length;
        return counting.encode(text);
      },
    };
    const { truncatedTokens } = toDocumentBlocks('word '.repeat(200_000), spy, caps);
    // Three blocks of twelve tokens, and room for long words.
    expect(read).toBeLessThan(1000);
    expect(truncatedTokens).toBeGreaterThan(190_000); // an estimate of the 200,000 words
  });

  it('covers every token up to the cap exactly, for any length and caps', () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.integer({ min: 8, max: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(40),
        (length, maxDocumentTokens, maxDocumentBlocks, blockOverlapTokens) => {
          const own = { maxDocumentTokens, maxDocumentBlocks, blockOverlapTokens, maxQueryTokens: 8 };
          const { blocks, truncatedTokens } = toDocumentBlocks(words(length), counting, own);
          const covered = new Set(blocks.flatMap((ids) => [...ids.subarray(1, -1)]));
          expect([...covered]).toEqual(Array.from({ length: length - truncatedTokens }, (_, i) => i));
          expect(blocks.every((ids) => ids.length <= maxDocumentTokens)).toBe(true);
        },
      ),
    );
  });
});

describe('toQueryBlock', () => {
  it('marks the own words behind the instruction and cuts them at the cap', () => {
    const block = toQueryBlock({ text: words(9) }, 'i i', counting, caps);
    expect([...block.ids]).toEqual([-1, 0, 1, 0, 1, 2, 3, -2]);
    expect(block.own).toEqual({ start: 3, end: 7 });
    expect(block.truncatedTokens).toBe(5);
  });

  it("reads a query's own instruction in place of the model's, cut at the cap, unless the model has none", () => {
    const asked = { text: words(2), instruction: 'i i i i i i' };
    expect([...toQueryBlock(asked, 'i', counting, caps).ids]).toEqual([-1, 0, 1, 2, 3, 0, 1, -2]);
    expect([...toQueryBlock(asked, '', counting, caps).ids]).toEqual([-1, 0, 1, -2]);
  });

  it('has no own words for a query of white space and control characters', () => {
    const { own } = toQueryBlock({ text: ' \u0000\u0007\t ' }, 'read this', tokenizer, caps);
    expect(own.end).toBe(own.start);
  });
});

describe('parseTokenizer', () => {
  it('reads text that spells a special token as plain text', () => {
    const ids = [...tokenizer.encode('[SEP] [CLS] <s>')];
    expect(ids).not.toContain(tokenizer.closeId);
    expect(ids).not.toContain(tokenizer.openId);
    expect(ids.length).toBeGreaterThan(3);
  });

  it('takes lone surrogates, right-to-left text and emoji without failing', () => {
    for (const text of ['\ud800 a', 'שלום עולם', '👩‍👩‍👧‍👦', 'a\u202eb']) {
      expect(tokenizer.encode(text).every((id) => Number.isInteger(id))).toBe(true);
    }
  });

  it('names what is missing in a tokenizer without special tokens', () => {
    expect(() =>
      parseTokenizer({ added_tokens: [], model: { type: 'WordPiece', vocab: {} } }, 'x/tokenizer.json'),
    ).toThrow(/x\/tokenizer\.json.*\[CLS\]/);
  });
});

describe('alignTokens', () => {
  it('finds the pieces of words, folded as the tokenizer folds them, in the text as written', () => {
    const text = 'Crème brûlée, DONE';
    const spans = alignTokens(text, ['creme', 'bru', '##lee', ',', 'done']);
    expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual([
      'Crème',
      'brû',
      'lée',
      ',',
      'DONE',
    ]);
  });

  it('gives an unknown token an empty place and goes on behind it', () => {
    const spans = alignTokens('a 👾 b', ['a', '[UNK]', 'b']);
    expect(spans).toEqual([
      { start: 0, end: 1 },
      { start: 1, end: 1 },
      { start: 5, end: 6 },
    ]);
  });

  it('keeps combining marks with the letter before them', () => {
    const text = 'cafe\u0301s';
    expect(alignTokens(text, ['cafe', '##s']).map(({ start, end }) => text.slice(start, end))).toEqual([
      'cafe\u0301',
      's',
    ]);
  });
});
