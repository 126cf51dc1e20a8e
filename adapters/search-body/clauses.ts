/** Walks the clauses of a request, in one fixed order: query clauses, retrievers and knn searches. */
import { isObject, type JsonObject, toList } from '../cluster/json.ts';

/** One clause of a query, one retriever of a retriever tree, or one top-level knn search. */
export interface Clause {
  /** Which grammar the clause belongs to. */
  readonly family: 'query' | 'retriever' | 'knn';
  /** The clause's name: `match`, `bool`, `rrf`, ... */
  readonly name: string;
  /** The value under the name. */
  readonly value: unknown;
  /** Whether the clause only filters, and gives no score. */
  readonly isFilter: boolean;
}

/**
 * The properties in which query clauses hold other clauses, in reading order. `must_not` is left out: it asks for
 * nothing.
 */
export const childQueries: Readonly<Record<string, readonly string[]>> = {
  bool: ['must', 'should', 'filter'],
  dis_max: ['queries'],
  hybrid: ['queries'],
  function_score: ['query'],
  script_score: ['query'],
  constant_score: ['filter'],
  boosting: ['positive'],
  nested: ['query'],
  has_child: ['query'],
  has_parent: ['query'],
  pinned: ['organic'],
  rule: ['organic'],
  rule_query: ['organic'],
};

/** A request from JSON is never this deep, so such a depth means a cycle. */
const maxDepth = 100;

/**
 * Every clause of a request, outer before inner: the retriever tree, then the query, then knn; inside `bool`
 * first `must`, then `should`, then `filter`.
 */
export function* clausesOf(view: JsonObject): Generator<Clause> {
  yield* retrieversIn(view['retriever'], 0);
  yield* queriesIn(view['query'], false, 0);
  for (const value of toList(view['knn'])) yield { family: 'knn', name: 'knn', value, isFilter: false };
}

function* queriesIn(query: unknown, isFilter: boolean, depth: number): Generator<Clause> {
  if (!isObject(query) || depth > maxDepth) return;
  for (const [name, value] of Object.entries(query)) {
    yield { family: 'query', name, value, isFilter };
    if (!isObject(value) || !Object.hasOwn(childQueries, name)) continue;
    for (const key of childQueries[name]!) {
      const inFilter = isFilter || key === 'filter';
      for (const child of toList(value[key])) yield* queriesIn(child, inFilter, depth + 1);
    }
  }
}

function* retrieversIn(retriever: unknown, depth: number): Generator<Clause> {
  if (!isObject(retriever) || depth > maxDepth) return;
  for (const [name, value] of Object.entries(retriever)) {
    yield { family: 'retriever', name, value, isFilter: false };
    if (!isObject(value)) continue;
    yield* queriesIn(value['query'], false, depth + 1);
    yield* retrieversIn(value['retriever'], depth + 1);
    for (const entry of toList(value['retrievers'])) yield* retrieversIn(unwrapped(entry), depth + 1);
  }
}

/** `rrf` and `linear` take a retriever alone, or beside its weight: `{ retriever, weight }`. */
function unwrapped(entry: unknown): unknown {
  return isObject(entry) && isObject(entry['retriever']) ? entry['retriever'] : entry;
}
