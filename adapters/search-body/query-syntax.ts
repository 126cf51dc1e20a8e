/**
 * Reads the words out of a query in one of the servers' two small languages: `query_string` (Lucene's, also that of the
 * parameter `q`) and `simple_query_string`. Parts that steer the search are no words: names of fields, operators,
 * boosts, fuzziness, ranges, regular expressions, wildcards, and negated words.
 */
import { hasWord } from '../words.ts';

/** Which of the two languages. */
export type QuerySyntax = 'query_string' | 'simple_query_string';

/** Options of {@link wordsOfQuery}. */
export interface ReadingOptions {
  /** Its language. */
  readonly syntax: QuerySyntax;
  /** Whether words that the query looks for in this field count. @defaultValue words of every field count */
  readonly isRead?: ((field: string) => boolean) | undefined;
  /** Whether words outside of any named field count. @defaultValue true */
  readonly readsUnnamed?: boolean | undefined;
}

/** The words that a query asks for, with spaces between; `undefined` when there are none. */
export function wordsOfQuery(
  query: string,
  { syntax, isRead = () => true, readsUnnamed = true }: ReadingOptions,
): string | undefined {
  const grammar = grammars[syntax];
  const tokens = [...query.matchAll(grammar.token)].map(toToken);
  const words = keptWords(tokens, { grammar, isRead, readsUnnamed });
  const text = words.join(' ');
  return hasWord(text) ? text : undefined;
}

interface Grammar {
  /** Matches one token; the group that matched names its kind. */
  readonly token: RegExp;
  /** Operators that are written as words. */
  readonly operators: ReadonlySet<string>;
  /** Signs that negate what follows. */
  readonly negations: ReadonlySet<string>;
}

/** A boost (`^2`), and a distance (`~2`): of letters in a word, of words in a phrase. */
const suffix = String.raw`(?:[~^][\d.]*)*`;
const phrase = String.raw`"(?<phrase>(?:\\.|[^"\\])*)"?${suffix}`;
const dot = String.raw`\\.`;
/**
 * Most characters of a range or an expression. A bracket or a slash that is never closed starts neither, and this
 * bounds the search for its end.
 */
const inside = '{0,500}';

const grammars: Readonly<Record<QuerySyntax, Grammar>> = {
  query_string: {
    token: new RegExp(
      [
        phrase,
        String.raw`/(?:\\.|[^/\\])${inside}/${suffix}`,
        String.raw`[[{][^\]}]${inside}[\]}]${suffix}`,
        String.raw`[<>]=?\s*(?:\\.|[^\s()"\\])+`,
        String.raw`(?<field>(?:${dot}|[^\s():"\\[\]{}+\-!^~/&|])(?:${dot}|[^\s():"\\[\]{}^~])*):(?=\S)`,
        String.raw`(?<open>\()`,
        String.raw`(?<close>\)${suffix})`,
        '(?<sign>&&|[|]{2}|[+!-])',
        String.raw`(?<term>(?:${dot}|[^\s()"\\:[\]{}^~])+)${suffix}`,
      ].join('|'),
      'gsu',
    ),
    operators: new Set(['AND', 'OR', 'NOT']),
    negations: new Set(['-', '!', 'NOT']),
  },
  simple_query_string: {
    token: new RegExp(
      [
        phrase,
        String.raw`(?<open>\()`,
        String.raw`(?<close>\)${suffix})`,
        String.raw`(?<sign>[+|]|-(?=\S))`,
        String.raw`(?<term>(?:${dot}|[^\s()"|+\\~])+)(?:~\d*)?`,
      ].join('|'),
      'gsu',
    ),
    operators: new Set(),
    negations: new Set(['-']),
  },
};

type Kind = 'phrase' | 'field' | 'open' | 'close' | 'sign' | 'term' | 'other';

interface Token {
  readonly kind: Kind;
  readonly text: string;
}

const kinds: readonly Kind[] = ['phrase', 'field', 'open', 'close', 'sign', 'term'];

function toToken({ groups = {}, 0: whole }: RegExpMatchArray): Token {
  const kind = kinds.find((name) => groups[name] !== undefined);
  // Ranges, comparisons and regular expressions hold no words, and end the effect of a field or a negation before them.
  return kind ? { kind, text: groups[kind]! } : { kind: 'other', text: whole };
}

interface Rules {
  readonly grammar: Grammar;
  readonly isRead: (field: string) => boolean;
  readonly readsUnnamed: boolean;
}

/** What holds for words: whether they are wanted, and whether their field is read. */
interface Scope {
  readonly isWanted: boolean;
  readonly isRead: boolean;
}

function keptWords(tokens: readonly Token[], { grammar, isRead, readsUnnamed }: Rules): readonly string[] {
  const words: string[] = [];
  // One scope for the query outside of groups, and one for each open group.
  const groups: Scope[] = [{ isWanted: true, isRead: readsUnnamed }];
  // The scope of the next word, phrase or group alone, set by a negation or a field before it.
  let next = groups[0]!;
  for (const token of tokens) {
    const steered = steeredBy(token, next, { grammar, isRead });
    if (!steered) {
      const { kind, text } = token;
      if (kind === 'open') groups.push(next);
      else if (kind === 'close' && groups.length > 1) groups.pop();
      else if (next.isWanted && next.isRead) words.push(...wordIn(text, kind));
    }
    next = steered ?? groups.at(-1)!;
  }
  return words;
}

/** The scope that a sign, an operator or a field gives to the next token; `undefined` for other tokens. */
function steeredBy(
  { kind, text }: Token,
  next: Scope,
  { grammar, isRead }: Pick<Rules, 'grammar' | 'isRead'>,
): Scope | undefined {
  if (kind === 'field') return { ...next, isRead: isNamed(text, isRead) };
  if (kind !== 'sign' && !(kind === 'term' && grammar.operators.has(text))) return undefined;
  return grammar.negations.has(text) ? { ...next, isWanted: false } : next;
}

/** Whether words behind this field's name are read; `_exists_:title` asks for a field, and holds no words. */
function isNamed(field: string, isRead: (field: string) => boolean): boolean {
  return field !== '_exists_' && isRead(unescaped(field));
}

/**
 * A word that ends in a wildcard stays; a word with a wildcard inside is dropped. In a phrase wildcards are plain
 * signs.
 */
function wordIn(text: string, kind: Kind): readonly string[] {
  if (kind !== 'term' && kind !== 'phrase') return [];
  const whole = kind === 'phrase' ? text : text.replace(/(?<!\\)[*?]+$/, '');
  const hasHole = kind === 'term' && /(?<!\\)[*?]/.test(whole);
  const word = unescaped(whole);
  return hasHole || !hasWord(word) ? [] : [word];
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gsu, '$1');
}
