/**
 * Finds what a request keeps out, whatever its words: what another search on its behalf must keep out too. A clause that
 * holds the question counts as met by every document; every other clause stays as it is.
 */
import { isObject, type JsonObject, toList, without } from '../cluster/json.ts';
import { type Clause, clausesOf } from './clauses.ts';
import { anyField, type FieldTest, findQueryText, readFields, syntaxes, textOfClause } from './query-text.ts';

/** The question of a request. */
export interface AskedQuestion {
  /** What the model is asked. */
  readonly text: string;
  /** The fields that the model reads. */
  readonly fields: readonly string[];
}

/**
 * Queries of which each must match what another search finds; `undefined` where what the request keeps out cannot be
 * told from what it asks: words in query string syntax with operators or names of fields, retrievers that are not known
 * here. Thresholds of the first search's scores (`min_score`, `similarity`) mean nothing to another search and are left
 * out.
 */
export function restrictionOf(view: JsonObject, question: AskedQuestion): readonly JsonObject[] | undefined {
  const relax = relaxer(questionTest(view, question));
  const { q, df, query, knn, retriever, post_filter: postFilter } = view;
  const words = { query: q, ...(df !== undefined && { default_field: df }) };
  const searches = [
    ...(q === undefined ? [] : [relax.query({ query_string: words })]),
    ...(q !== undefined || query === undefined ? [] : [relax.query(query)]),
    ...toList(knn).map(neighbourFilter),
    ...(retriever === undefined ? [] : [relax.retriever(retriever)]),
  ];
  const filters = [anyOf(searches), ...toList(postFilter).filter(isObject)];
  return relax.isUnknown() ? undefined : filters.filter((filter) => !isEverything(filter));
}

/** Whether the request groups its hits, at its top or in a retriever. */
export function collapses(view: JsonObject): boolean {
  if (view['collapse'] !== undefined && view['collapse'] !== null) return true;
  return [...clausesOf(view)].some(
    ({ family, value }) => family === 'retriever' && isObject(value) && value['collapse'] !== undefined,
  );
}

type ClauseTest = (name: string, value: unknown) => boolean;

/**
 * Makes a test whether a clause holds the question: its words are those that the model is asked, or those that the
 * request is found to ask, over fields that the model reads. Where no clause over those has them, the other fields count.
 */
function questionTest(view: JsonObject, { text, fields }: AskedQuestion): ClauseTest {
  const texts = new Set([text, findQueryText(view, fields)]);
  const over =
    (isRead: FieldTest): ClauseTest =>
    (name, value) => {
      const words = textOfClause({ family: 'query', name, value, isFilter: false }, isRead);
      return words !== undefined && texts.has(words);
    };
  const overRead = over(readFields(fields));
  const isHeld = ({ family, name, value, isFilter }: Clause): boolean =>
    family === 'query' && !isFilter && overRead(name, value);
  return [...clausesOf(view)].some(isHeld) ? overRead : over(anyField);
}

interface Relaxer {
  readonly query: (query: unknown) => JsonObject;
  readonly retriever: (retriever: unknown) => JsonObject;
  /** Whether a part was met that cannot be read. */
  readonly isUnknown: () => boolean;
}

type Relax = (value: JsonObject) => JsonObject;

function relaxer(holdsQuestion: ClauseTest): Relaxer {
  let isUnknown = false;
  const unknown = (): JsonObject => {
    isUnknown = true;
    return everything;
  };
  const only = (value: unknown, relax: (name: string, inner: JsonObject) => JsonObject): JsonObject => {
    const [entry, ...more] = isObject(value) ? Object.entries(value) : [];
    if (!entry || more.length > 0 || !isObject(entry[1])) return unknown();
    return relax(entry[0], entry[1]);
  };
  const query = (value: unknown): JsonObject => only(value, clause);
  const inside =
    (name: string): Relax =>
    (value) => ({ [name]: { ...without(value, ['inner_hits']), query: query(value['query']) } });
  const compounds: Readonly<Record<string, Relax>> = {
    bool: (value) => ({
      bool: {
        ...value,
        ...(value['must'] !== undefined && { must: toList(value['must']).map(query) }),
        ...(value['should'] !== undefined && { should: toList(value['should']).map(query) }),
      },
    }),
    dis_max: ({ queries }) => anyOf(toList(queries).map(query)),
    hybrid: ({ queries, filter }) => allOf([anyOf(toList(queries).map(query)), ...toList(filter)]),
    function_score: ({ query: inner = everything }) => query(inner),
    script_score: ({ query: inner }) => query(inner),
    boosting: ({ positive }) => query(positive),
    nested: inside('nested'),
    has_child: inside('has_child'),
    has_parent: inside('has_parent'),
    pinned: ({ organic }) => query(organic),
    rule: ({ organic }) => query(organic),
    rule_query: ({ organic }) => query(organic),
    knn: neighbourFilter,
    neural: neighbourFilter,
  };
  const clause = (name: string, value: JsonObject): JsonObject => {
    if (Object.hasOwn(compounds, name)) return compounds[name]!(value);
    if (!holdsQuestion(name, value)) return { [name]: value };
    return syntaxes.has(name) && !isPlain(value) ? unknown() : everything;
  };
  const retrievers: Readonly<Record<string, Relax>> = {
    standard: ({ query: inner = everything }) => query(inner),
    knn: () => everything,
    rrf: ({ retrievers: list }) => anyOf(toList(list).map(entered)),
    linear: ({ retrievers: list }) => anyOf(toList(list).map(entered)),
    text_similarity_reranker: ({ retriever: inner }) => retriever(inner),
    rescorer: ({ retriever: inner }) => retriever(inner),
    diversify: ({ retriever: inner }) => retriever(inner),
    rule: ({ retriever: inner }) => retriever(inner),
    pinned: ({ retriever: inner }) => retriever(inner),
  };
  const retriever = (value: unknown): JsonObject =>
    only(value, (name, inner) =>
      Object.hasOwn(retrievers, name)
        ? allOf([retrievers[name]!(inner), ...toList(inner['filter'])])
        : unknown(),
    );
  /** `rrf` and `linear` take a retriever alone, or beside its weight. */
  const entered = (entry: unknown): JsonObject =>
    retriever(isObject(entry) && isObject(entry['retriever']) ? entry['retriever'] : entry);
  return { query, retriever, isUnknown: () => isUnknown };
}

/** Signs and words that steer a search in query string syntax; a hyphen inside a word is none. */
const syntax = /[^\p{L}\p{M}\p{N}\s'’.,?-]|(^|\s)-|\b(AND|OR|NOT)\b/u;

/** Whether a query in query string syntax is words alone, which keep nothing out. */
function isPlain({ query }: JsonObject): boolean {
  return typeof query !== 'string' || !syntax.test(query);
}

const everything: JsonObject = { match_all: {} };

function isEverything(query: JsonObject): boolean {
  return Object.hasOwn(query, 'match_all');
}

/** What matches any of the queries; no query restricts nothing. */
function anyOf(queries: readonly JsonObject[]): JsonObject {
  if (queries.length === 0 || queries.some(isEverything)) return everything;
  return queries.length === 1 ? queries[0]! : { bool: { should: queries, minimum_should_match: 1 } };
}

/** What matches all of the queries. */
function allOf(queries: readonly unknown[]): JsonObject {
  const filters = queries.filter(isObject).filter((query) => !isEverything(query));
  if (filters.length === 0) return everything;
  return filters.length === 1 ? filters[0]! : { bool: { filter: filters } };
}

/**
 * The filter of a search by vectors, which asks for the nearest documents and keeps none out: Elasticsearch writes it
 * beside `field`, OpenSearch in an object under the field's name.
 */
function neighbourFilter(knn: unknown): JsonObject {
  if (!isObject(knn)) return everything;
  const isFlat = typeof knn['field'] === 'string';
  const holders = isFlat ? [knn] : Object.values(knn).filter(isObject);
  return allOf(holders.flatMap(({ filter }) => toList(filter)));
}
