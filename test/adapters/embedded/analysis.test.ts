import { describe, expect, it } from 'vitest';
import { buildEmbeddedIndex, loadEmbeddedIndex } from '../../../adapters/embedded/index.ts';

const texts = {
  cafe: 'A small café in the old town',
  oil: 'Wie man einen Öltank reinigt',
  museum: '東京都の美術館で新しい展示が始まる',
  language: '自然语言处理技术',
  rice: 'ผมชอบกินข้าวผัด',
  kana: 'がぎぐ',
  plain: 'かきく',
  korean: '한국어 검색 엔진',
  hindi: 'हिन्दी भाषा',
  athens: 'Ἀθῆναι',
  wide: 'ＦＵＬＬ ｗｉｄｔｈ',
  money: 'ﬁnance',
};
const documents = Object.entries(texts).map(([docId, text]) => ({ docId, text }));
const found = async (query: string): Promise<readonly string[]> =>
  (await buildEmbeddedIndex({ documents })).search(query, 5).matches.map(({ document }) => document.docId);

describe('the embedded index', () => {
  it.each([
    ['without its accent', 'cafe', 'cafe'],
    ['with it, in capitals', 'CAFÉ', 'cafe'],
    ['with an accent of its own character', 'cafe\u0301', 'cafe'],
    ['without umlauts', 'oltank', 'oil'],
    ['without the marks of Greek', 'Αθηναι', 'athens'],
    ['of Japanese, in the middle of a sentence', '美術館', 'museum'],
    ['of Chinese', '语言处理', 'language'],
    ['of Thai', 'ข้าวผัด', 'rice'],
    ['of Korean', '검색', 'korean'],
    ['of Hindi', 'भाषा', 'hindi'],
    ['in half width where the text is full width', 'full', 'wide'],
    ['spelled out where the text has a ligature', 'finance', 'money'],
  ])('finds a word %s', async (_what, query, docId) => {
    expect(await found(query)).toEqual([docId]);
  });

  it.each([
    ['a voiced kana for an unvoiced one', 'かきく', 'kana'],
    ['an unvoiced kana for a voiced one', 'がぎぐ', 'plain'],
    ['a vowel of Hindi for another', 'हुन्दी', 'hindi'],
  ])('does not take %s', async (_what, query, docId) => {
    expect(await found(query)).not.toContain(docId);
  });

  it('refuses one that was stored when words were read otherwise', async () => {
    const stored = (await buildEmbeddedIndex({ documents })).toJSON();
    const search = (await loadEmbeddedIndex(stored)).search('cafe', 1);
    expect(search.matches[0]!.document.docId).toBe('cafe');
    await expect(loadEmbeddedIndex({ ...stored, format: 1 })).rejects.toThrow('expected 2, got 1');
  });
});
