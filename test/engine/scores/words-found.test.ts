import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shareFound, wordsOf } from '../../../engine/scores/words-found.ts';

it('finds words that stand by themselves, in any case', () => {
  const query = new Set(wordsOf('Red shoes, size 44'));
  expect(shareFound(query, 'RED SHOES')).toBe(0.5);
  expect(shareFound(query, 'reddish shoe 442 sized')).toBe(0);
  expect(shareFound(query, 'reddish, red; size: 44 (shoes)')).toBe(1);
  expect(shareFound(query, '')).toBe(0);
  expect(shareFound(new Set(), 'red')).toBe(0);
});

it('takes letters beyond the first plane for letters', () => {
  const query = new Set(wordsOf('a'));
  expect(shareFound(query, '\u{10400}a')).toBe(0);
  expect(shareFound(query, 'a\u{10400}')).toBe(0);
  expect(shareFound(query, '\u{1f600}a\u{1f600}')).toBe(1);
});

it('finds what the set of the words of a text holds', () => {
  // Few characters, so that words meet each other: letters, digits, marks, both halves of a pair, and what is longer in lower case.
  const text = fc
    .array(
      fc.constantFrom(
        'a',
        'b',
        'A',
        '1',
        ' ',
        '-',
        'é',
        '\u0301',
        'İ',
        'Σ',
        '\u{10400}',
        '\ud801',
        '\udc00',
        '字',
      ),
    )
    .map((characters) => characters.join(''));
  fc.assert(
    fc.property(text, text, (query, document) => {
      const words = new Set(wordsOf(query));
      const held = new Set(wordsOf(document));
      const found = [...words].filter((word) => held.has(word)).length;
      expect(shareFound(words, document)).toBe(words.size === 0 ? 0 : found / words.size);
    }),
    { numRuns: 2000 },
  );
});
