/** Finds the words of the question in a request. */

import { isObject, type JsonObject, toList, toStrings } from '../cluster/json.ts';
import { hasWord } from '../words.ts';
import { type Clause, clausesOf } from './clauses.ts';
import { toPattern } from './filter-source.ts';
import { type QuerySyntax, wordsOfQuery } from './query-syntax.ts';

/**
 * Where the question's words come from: a fixed text, a path into the request (`query.match.title.query`; of several
 * paths, the first that leads to words), or a function of the request's properties, those of its body included.
 */
export type QueryTextOption =
  | {
      /** The question itself. */
      readonly text: string;
    }
  | {
      /** The path to the question in the request; the path may leave out indices of lists. */
      readonly path: string | readonly string[];
    }
  | ((request: JsonObject) => string | undefined);

/**
 * The question in words, by the adapter's option; without the option, as {@link findQueryText} finds it. Text without a
 * word is no question.
 *
 * @param fields - The fields that the model reads.
 */
export function queryTextOf(
  view: JsonObject,
  option: QueryTextOption | undefined,
  fields: readonly string[],
): string | undefined {
  if (option === undefined) return findQueryText(view, fields);
  if (typeof option === 'function') return wordsIn(option(view));
  if ('text' in option) return wordsIn(option.text);
  const paths = typeof option.path === 'string' ? [option.path] : option.path;
  return first(paths, (path) => wordsAt(view, path.replace(/^body\./, '')));
}

/**
 * The words of the first clause that has any. Order: the retriever tree (a reranker's `inference_text`, then its inner
 * retriever), the query (`bool`: `must`, `should`, then `filter`; other compounds in the order written), the model text
 * of a knn search, and the `q` parameter. Clauses over the fields that the model reads come before those over others,
 * such as `match: { status: 'published' }`, and clauses that score before clauses that filter. Queries in the servers'
 * query string syntax are read by that syntax.
 *
 * @param fields - The fields that the model reads. Without the list, every field counts as one of them.
 */
export function findQueryText(view: JsonObject, fields?: readonly string[]): string | undefined {
  const clauses = [...clausesOf(view), ...addressClause(view)];
  const scoring = clauses.filter(({ isFilter }) => !isFilter);
  const filters = clauses.filter(({ isFilter }) => isFilter);
  const isRead = readFields(fields);
  return (
    first(scoring, (clause) => textOfClause(clause, isRead)) ??
    first(scoring, (clause) => textOfClause(clause, anyField)) ??
    first(filters, (clause) => textOfClause(clause, isRead)) ??
    first(filters, (clause) => textOfClause(clause, anyField))
  );
}

/** Tells whether a field counts. */
export type FieldTest = (field: string) => boolean;

/** Every field counts. */
export const anyField: FieldTest = () => true;

/**
 * Makes a test whether a clause's field, which may be a pattern or have a boost, is a field that the model reads, or a
 * part of such a field.
 */
export function readFields(fields: readonly string[] | undefined): FieldTest {
  if (!fields) return anyField;
  return (field) => {
    const name = field.replace(/\^[\d.]+$/, '');
    const pattern = toPattern(name);
    return fields.some((read) => pattern.test(read) || name.startsWith(`${read}.`));
  };
}

/** The parameter `q` as a `query_string` clause over `df`. */
function addressClause({ q, df }: JsonObject): readonly Clause[] {
  if (q === undefined) return [];
  const value = { query: q, ...(df !== undefined && { default_field: df }) };
  return [{ family: 'query', name: 'query_string', value, isFilter: false }];
}

/** Clauses of the form `{ field: text }` or `{ field: { [property]: text } }`. */
const byField: Readonly<Record<string, string>> = {
  match: 'query',
  match_phrase: 'query',
  match_phrase_prefix: 'query',
  match_bool_prefix: 'query',
};

/** Clauses of the same form whose words go to a model, so that the name of their field does not matter. */
const byVectorField: Readonly<Record<string, string>> = {
  text_expansion: 'model_text',
  neural: 'query_text',
  neural_sparse: 'query_text',
};

/** Clauses of the form `{ [property]: text }`. */
const direct: Readonly<Record<string, string>> = {
  multi_match: 'query',
  combined_fields: 'query',
  semantic: 'query',
  sparse_vector: 'query',
  more_like_this: 'like',
};

/** Clauses in a query string syntax. */
export const syntaxes: ReadonlySet<string> = new Set<QuerySyntax>(['query_string', 'simple_query_string']);

/** The words of one clause over fields that count; of those inside it none. */
export function textOfClause({ family, name, value }: Clause, isRead: FieldTest): string | undefined {
  if (!isObject(value)) return undefined;
  if (family === 'retriever')
    return wordsIn(value['inference_text']) ?? wordsIn(value['query']) ?? modelText(value);
  if (name === 'knn') return modelText(value);
  if (syntaxes.has(name)) return textOfSyntax(name as QuerySyntax, value, isRead);
  if (Object.hasOwn(direct, name)) return isOver(value, isRead) ? wordsIn(value[direct[name]!]) : undefined;
  const named = Object.hasOwn(byField, name);
  const property = named ? byField[name]! : Object.hasOwn(byVectorField, name) && byVectorField[name]!;
  if (property === false) return undefined;
  const entries = Object.entries(value).filter(([field]) => !named || isRead(field));
  return first(entries, ([, field]) => wordsIn(isObject(field) ? field[property] : field));
}

/**
 * Whether a clause that lists its fields names one that the model reads; a clause without a list searches all fields.
 */
function isOver({ fields, default_field: defaultField }: JsonObject, isRead: FieldTest): boolean {
  const listed = [...toStrings(fields), ...toStrings(defaultField)];
  return listed.length === 0 || listed.some(isRead);
}

function textOfSyntax(syntax: QuerySyntax, value: JsonObject, isRead: FieldTest): string | undefined {
  const { query, flags } = value;
  const readsUnnamed = isOver(value, isRead);
  // A number has no syntax, and `flags` may switch the syntax off.
  const isPlain = typeof query !== 'string' || (syntax === 'simple_query_string' && flags === 'NONE');
  if (isPlain) return readsUnnamed ? wordsIn(query) : undefined;
  return wordsOfQuery(query, { syntax, isRead, readsUnnamed });
}

/** The text that Elasticsearch turns into a vector: `query_vector_builder: { text_embedding: { model_text } }`. */
function modelText(value: JsonObject): string | undefined {
  const builder = value['query_vector_builder'];
  if (!isObject(builder)) return undefined;
  return first(Object.values(builder), (entry) =>
    isObject(entry) ? wordsIn(entry['model_text']) : undefined,
  );
}

/** Text that holds a word: a number gives its digits, a list its texts joined by spaces. */
function wordsIn(value: unknown): string | undefined {
  const texts = toList(value).filter((entry) => typeof entry === 'string' || typeof entry === 'number');
  const text = texts.map(String).join(' ');
  return hasWord(text) ? text : undefined;
}

/** The words at a path; a query in query string syntax is read by that syntax. */
function wordsAt(view: JsonObject, path: string): string | undefined {
  const found = valueAt(view, path.split('.'));
  const [, syntax] = /(?:^|\.)(simple_query_string|query_string)(?:\.\d+)?\.query$/.exec(path) ?? [];
  if (typeof found !== 'string' || (syntax === undefined && path !== 'q')) return wordsIn(found);
  return wordsOfQuery(found, { syntax: (syntax ?? 'query_string') as QuerySyntax });
}

/** Follows a dotted path; a list on the way that the path does not index is searched entry by entry. */
function valueAt(value: unknown, path: readonly string[]): unknown {
  if (path.length === 0) return value;
  const [key, ...rest] = path as readonly [string, ...string[]];
  if (Array.isArray(value)) {
    if (/^\d+$/.test(key)) return valueAt(value[Number(key)], rest);
    return first(value, (entry) => valueAt(entry, path));
  }
  if (!isObject(value)) return undefined;
  // Field names may hold dots themselves: the longest name that exists wins.
  for (let length = path.length; length > 1; length--) {
    const name = path.slice(0, length).join('.');
    if (Object.hasOwn(value, name)) return valueAt(value[name], path.slice(length));
  }
  return Object.hasOwn(value, key) ? valueAt(value[key], rest) : undefined;
}

function first<T, R>(list: Iterable<T>, find: (entry: T) => R | undefined): R | undefined {
  for (const entry of list) {
    const found = find(entry);
    if (found !== undefined) return found;
  }
  return undefined;
}
