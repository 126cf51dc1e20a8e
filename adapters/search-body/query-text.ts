/** Finds the question in words. */

import { isObject, type JsonObject, toList } from '../cluster/json.ts';
import { type Clause, clausesOf } from './clauses.ts';

/**
 * Where the question's words come from: a fixed text, a path into the request (`query.match.title.query`; with
 * several, the first that leads to words), or a function of the request's properties, those of its body included.
 */
export type QueryTextOption =
  | {
      /** The question itself. */
      readonly text: string;
    }
  | {
      /** Where it stands in the request; lists on the way may be left out. */
      readonly path: string | readonly string[];
    }
  | ((request: JsonObject) => string | undefined);

/** The question in words by the adapter's option; without one, as {@link findQueryText} finds it. Blank text is none. */
export function queryTextOf(view: JsonObject, option: QueryTextOption | undefined): string | undefined {
  if (option === undefined) return findQueryText(view);
  if (typeof option === 'function') return wordsIn(option(view));
  if ('text' in option) return wordsIn(option.text);
  const paths = typeof option.path === 'string' ? [option.path] : option.path;
  return first(paths, (path) => wordsIn(valueAt(view, path.replace(/^body\./, '').split('.'))));
}

/**
 * The words of the first clause that has any. Order: the retriever tree (a reranker's `inference_text`, then what
 * stands inside), the query (`bool`: `must`, `should`, then `filter`; other compounds in the order written), the
 * model text of a knn search, and the `q` parameter.
 */
export function findQueryText(view: JsonObject): string | undefined {
  const clauses = [...clausesOf(view)];
  const scoring = clauses.filter(({ isFilter }) => !isFilter);
  const filters = clauses.filter(({ isFilter }) => isFilter);
  return first([...scoring, ...filters], textOfClause) ?? wordsIn(view['q']);
}

/** Clauses of the form `{ field: text }` or `{ field: { [property]: text } }`. */
const byField: Readonly<Record<string, string>> = {
  match: 'query',
  match_phrase: 'query',
  match_phrase_prefix: 'query',
  match_bool_prefix: 'query',
  text_expansion: 'model_text',
  neural: 'query_text',
  neural_sparse: 'query_text',
};

/** Clauses of the form `{ [property]: text }`. */
const direct: Readonly<Record<string, string>> = {
  multi_match: 'query',
  combined_fields: 'query',
  query_string: 'query',
  simple_query_string: 'query',
  semantic: 'query',
  sparse_vector: 'query',
  more_like_this: 'like',
};

function textOfClause({ family, name, value }: Clause): string | undefined {
  if (!isObject(value)) return undefined;
  if (family === 'retriever')
    return wordsIn(value['inference_text']) ?? wordsIn(value['query']) ?? modelText(value);
  if (name === 'knn') return modelText(value);
  if (Object.hasOwn(direct, name)) return wordsIn(value[direct[name]!]);
  if (!Object.hasOwn(byField, name)) return undefined;
  return first(Object.values(value), (field) => wordsIn(isObject(field) ? field[byField[name]!] : field));
}

/** What Elasticsearch is told to turn into a vector: `query_vector_builder: { text_embedding: { model_text } }`. */
function modelText(value: JsonObject): string | undefined {
  const builder = value['query_vector_builder'];
  if (!isObject(builder)) return undefined;
  return first(Object.values(builder), (entry) =>
    isObject(entry) ? wordsIn(entry['model_text']) : undefined,
  );
}

/** Text with a word in it; a number is its digits; of a list, its texts joined by spaces. */
function wordsIn(value: unknown): string | undefined {
  const texts = toList(value).filter((entry) => typeof entry === 'string' || typeof entry === 'number');
  const text = texts.map(String).join(' ');
  return text.trim() === '' ? undefined : text;
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
  // Field names may hold dots themselves: the longest name that is there wins.
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
