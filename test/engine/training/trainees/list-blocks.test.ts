import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseTokenizer } from '../../../../engine/tokenizer/tokenizer.ts';
import { type ListBlocks, toListBlocks } from '../../../../engine/training/trainees/list-blocks.ts';

const path = new URL('../../../fixtures/bert-tiny/tokenizer.json', import.meta.url);
const maker = {
  tokenizer: parseTokenizer(JSON.parse(await readFile(path, 'utf8')), 'tokenizer.json'),
  instruction: 'find: ',
  caps: { maxDocumentTokens: 32, maxDocumentBlocks: 3, blockOverlapTokens: 4, maxQueryTokens: 16 },
};

const words = (count: number): string => Array.from({ length: count }, () => 'stars').join(' ');
const listOf = (...texts: readonly string[]) => ({
  set: 'tiny',
  queryId: 'q',
  query: 'who studies the planets',
  documents: texts.map((text, i) => ({ docId: `d${i}`, text, gain: 0 })),
});
const lengthOf = (batch: readonly Int32Array[]): number => Math.max(...batch.map(({ length }) => length));

/** Ids of the rows of both batches, -1 for padding. */
const rowsOf = ({ batches }: ListBlocks): number[] =>
  batches.flatMap((batch) =>
    batch.flatMap((ids) => [...ids, ...new Array<number>(lengthOf(batch) - ids.length).fill(-1)]),
  );

const numbers = ({ feeds }: ListBlocks, name: string): number[] =>
  Array.from(feeds[`rows.${name}`]!.data as BigInt64Array, Number);

describe('toListBlocks', () => {
  const texts = [words(25), 'stars', words(3), words(70), words(9)];

  it.each(['by-length', 'query-apart'] as const)('says which rows are what, %s', (layout) => {
    const blocks = toListBlocks(listOf(...texts), maker, layout);
    const ids = rowsOf(blocks);
    const { tokenizer } = maker;
    const alone = texts.map((text) => toListBlocks(listOf(text), maker, 'query-apart').batches[1]);
    expect(numbers(blocks, 'tokens').map((row) => ids[row])).toEqual(
      alone.flatMap((own) => own.flatMap((each) => [...each])),
    );
    const anchors = numbers(blocks, 'anchors').map((row) => ids[row]);
    expect(anchors).toEqual(new Array(alone.flat().length).fill(tokenizer.openId));
    expect(ids[numbers(blocks, 'queryAnchor')[0]!]).toBe(tokenizer.openId);
    expect(numbers(blocks, 'queryTokens').map((row) => ids[row])).toEqual([
      ...tokenizer.encode('who studies the planets'),
    ]);
  });

  it('parts short blocks from long ones so that there is least padding', () => {
    const { batches } = toListBlocks(listOf(...texts), maker);
    const lengths = batches.flat().map(({ length }) => length);
    const rows = (parts: readonly (readonly number[])[]): number =>
      parts.reduce((sum, part) => sum + part.length * Math.max(...part), 0);
    const sorted = [...lengths].sort((a, b) => a - b);
    const best = Math.min(
      ...sorted.slice(1).map((_, i) => rows([sorted.slice(0, i + 1), sorted.slice(i + 1)])),
    );
    expect(rows(batches.map((batch) => batch.map(({ length }) => length)))).toBe(best);
    expect(best).toBeLessThan(rows([lengths]));
  });

  it('has a block in either batch where all are as long as each other', () => {
    const { batches } = toListBlocks(listOf(words(9), words(9)), maker);
    expect(batches.map(({ length }) => length).sort()).toEqual([1, 2]);
  });
});
