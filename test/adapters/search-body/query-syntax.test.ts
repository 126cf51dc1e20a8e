import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type QuerySyntax, wordsOfQuery } from '../../../adapters/search-body/query-syntax.ts';
import { hasWord } from '../../../adapters/words.ts';
import { elasticsearchSilent, openSearchSilent } from '../../support/doubles/silent-clients.ts';

const wordless = ['*', '*:*', '?', '* ?', '""', '~', '+', '-', '|', '( )', '.', '…', ' '];
const operatorsAlone = ['AND', 'NOT', 'AND OR NOT', '&& ||', '!'];

describe('a query without words', () => {
  it.each([
    ...wordless,
    ...operatorsAlone,
    'title:*',
    '_exists_:title',
    '[1 TO 5]',
    '/cha.r/',
    'b?r',
    '-old',
  ])('of query_string passes unreranked: %s', (query) => {
    for (const request of [{ query: { query_string: { query } } }, { q: query }]) {
      expect(elasticsearchSilent().plan(request, { rankWindowSize: 5 }).reason).toBe('no-query-text');
    }
    const plan = openSearchSilent().plan({ index: 'i', q: query, body: {} }, { rankWindowSize: 5 });
    expect(plan.reason).toBe('no-query-text');
  });

  it.each([...wordless, '-old', '"*"'])('of any other kind passes unreranked: %s', (query) => {
    const clauses = [
      { simple_query_string: { query } },
      { match: { title: query.replace('-old', '-') } },
      { multi_match: { query: query.replace('-old', '-'), fields: ['title'] } },
    ];
    for (const clause of clauses) {
      const request = { query: { bool: { must: [clause], filter: [{ term: { color: 'red' } }] } } };
      expect(elasticsearchSilent().plan(request, { rankWindowSize: 5 }).reason).toBe('no-query-text');
    }
  });

  it('is what the caller gives as words, too', () => {
    const options = { rankWindowSize: 5, queryText: '*' };
    expect(elasticsearchSilent().plan({ query: { match: { title: 'stars' } } }, options).reason).toBe(
      'no-query-text',
    );
  });
});

describe('wordsOfQuery', () => {
  it.each([
    ['operators', 'garden AND chair OR +table && lamp || desk', 'garden chair table lamp desk'],
    ['boosts and distances', 'garden^2 chair~1 "red lamp"~5^0.5', 'garden chair red lamp'],
    ['names of fields', 'title:garden body:"red chair" tags:(wood OR oak)^3', 'garden red chair wood oak'],
    ['ranges', 'chair year:[2000 TO 2010] price:{5 TO *} age:>10 size:>=3', 'chair'],
    ['expressions', '/ch.*r/ table', 'table'],
    ['negated words', '-old !broken NOT rusty chair', 'chair'],
    ['negated phrases and groups', 'chair -"with arms" NOT (old OR (very broken)) red', 'chair red'],
    ['negated fields', 'chair -status:old', 'chair'],
    ['wildcards at the end of a word', 'gard* chairs?', 'gard chairs'],
    ['words with holes', 'ch?ir t*ble lamp', 'lamp'],
    ['escapes', String.raw`\"garden\" c\+\+ title\:x \(a\)`, '"garden" c++ title:x (a)'],
    ['signs inside of words', "wi-fi AT&T tcp/ip don't", "wi-fi AT&T tcp/ip don't"],
    ['what nobody closes', 'garden (chair "red lamp', 'garden chair red lamp'],
    ['other scripts', 'カメラ AND -三脚 شمس 😀', 'カメラ شمس 😀'],
  ])('reads query_string by its syntax: %s', (_what, query, words) => {
    expect(wordsOfQuery(query, { syntax: 'query_string' })).toBe(words);
  });

  it.each([
    ['operators', '+garden | chair + (table lamp)', 'garden chair table lamp'],
    ['distances and wildcards', '"red lamp"~5 chair~2 tab*', 'red lamp chair tab'],
    ['negated words and groups', '-old chair -(very broken) -"with arms"', 'chair'],
    ['a dash between blanks, which negates nothing', 'chair - red', 'chair red'],
    ['colons, which name no field here', 'title:chair', 'title:chair'],
    ['words that are operators elsewhere', 'chair NOT AND', 'chair NOT AND'],
    ['escapes', String.raw`c\+\+ \-x`, 'c++ -x'],
  ])('reads simple_query_string by its syntax: %s', (_what, query, words) => {
    expect(wordsOfQuery(query, { syntax: 'simple_query_string' })).toBe(words);
  });

  it('counts what is looked for in fields that are read, where it is told which', () => {
    const isRead = (field: string): boolean => field === 'title';
    const words = (query: string, readsUnnamed?: boolean): string | undefined =>
      wordsOfQuery(query, { syntax: 'query_string', isRead, readsUnnamed });
    expect(words('status:published chair title:red')).toBe('chair red');
    expect(words('status:published chair title:red', false)).toBe('red');
    expect(words('status:(published title:red) lamp', false)).toBe('red');
  });

  it('gives words or nothing for any text, in little time', () => {
    const syntaxes: readonly QuerySyntax[] = ['query_string', 'simple_query_string'];
    const text = fc.string({ unit: fc.constantFrom(...'ab*?:()[]{}"~^-+!|&/\\ <>=AND'), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.constantFrom(...syntaxes), (query, syntax) => {
        const words = wordsOfQuery(query, { syntax });
        expect(words === undefined || hasWord(words)).toBe(true);
      }),
    );
    const startMs = performance.now();
    for (const part of ['[', '/', '"', '(', 'a:', '\\', '-', '>', 'a/', '~^']) {
      for (const syntax of syntaxes) wordsOfQuery(part.repeat(20_000), { syntax });
    }
    // Time that grows with the square of the length would be minutes.
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});
