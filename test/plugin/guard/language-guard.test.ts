import { describe, expect, it } from 'vitest';
import { languageGuard } from '../../../plugin/guard/language-guard.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const german = [
  'Der Wald ist im Herbst am schönsten, wenn die Blätter bunt werden und der Nebel über den Wiesen steht.',
  'Viele Menschen sammeln dann Pilze, von denen einige sehr giftig sind.',
];
const spanish = [
  'El bosque es más hermoso en otoño, cuando las hojas cambian de color y la niebla cubre los prados.',
  'Mucha gente busca entonces setas, algunas de las cuales son muy venenosas.',
];
const english = [
  'The forest is most beautiful in autumn, when the leaves change colour and fog covers the meadows.',
  'Many people then look for mushrooms, some of which are very poisonous.',
];
const chinese = ['秋天的森林最美，树叶变色，草地上弥漫着雾气。', '许多人会去采蘑菇，其中有些有剧毒。'];
const products = [
  'HP 15-dw1001nl Notebook 39,6 cm (15.6") Intel Core i5 8 GB DDR4 512 GB SSD Wi-Fi 5',
  'Lenovo ThinkPad X1 Carbon Gen 9 Ultrabook 14" WUXGA 16 GB LPDDR4x LTE',
];

const judged = (query: string, texts: readonly string[], languages = ['en']): Promise<boolean> =>
  languageGuard(languages).isForeign(shortlistOf(query, ...texts));

describe('a language guard for a model that reads English', () => {
  it.each([
    ['English', 'what can be found in the forest', english],
    ['a title without function words', 'forest autumn mushrooms', english],
    ['codes and names', 'thinkpad x1 carbon lte', products],
    ['a command line', 'tar -xzvf archive.tgz', ['tar -czf out.tgz dir', 'gzip -d file.gz | less']],
    ['one word', 'Kindergarten', english],
    ['digits alone', '4711', ['0815', '1234']],
    ['empty documents', 'stars', ['', '']],
  ])('lets a list pass: %s', async (_what, query, texts) => {
    expect(await judged(query, texts)).toBe(false);
  });

  it.each([
    ['German', 'welche Pilze wachsen im Wald', german],
    ['Spanish', 'qué setas crecen en el bosque', spanish],
    ['Chinese', '森林里有什么蘑菇', chinese],
    ['an English query over German documents', 'which mushrooms grow in the forest', german],
    ['a Chinese query over English documents', '森林里有什么蘑菇', english],
    [
      'a long German query over English documents',
      'welche giftigen Pilze wachsen im Herbst im Wald',
      english,
    ],
  ])('stops a list: %s', async (_what, query, texts) => {
    expect(await judged(query, texts)).toBe(true);
  });
});

describe('a language guard', () => {
  it('goes by the languages of the model', async () => {
    expect(await judged('welche Pilze wachsen im Wald', german, ['de', 'en'])).toBe(false);
    expect(await judged('qué setas crecen en el bosque', spanish, ['de', 'en'])).toBe(true);
    expect(await judged('森林里有什么蘑菇', chinese, ['zh'])).toBe(false);
  });

  it('stops nothing for a model that names no language, or one that nobody detects', async () => {
    expect(await judged('welche Pilze wachsen im Wald', german, [])).toBe(false);
    expect(await judged('welche Pilze wachsen im Wald', german, ['en', 'gsw'])).toBe(false);
  });
});
