/** Reads from a request how the server finds its hits, and which hits are pinned to a rank. */
import type { FirstStage } from '../../engine/index.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';
import { type Clause, clausesOf } from './clauses.ts';

const lexical = new Set([
  'match',
  'match_phrase',
  'match_phrase_prefix',
  'match_bool_prefix',
  'multi_match',
  'combined_fields',
  'query_string',
  'simple_query_string',
  'intervals',
  'more_like_this',
  'term',
  'terms',
  'span_near',
]);
const vector = new Set(['knn', 'neural', 'neural_sparse', 'semantic', 'sparse_vector', 'text_expansion']);
const mixing = new Set(['hybrid', 'rrf', 'linear']);
const vectorScript = /cosineSimilarity|dotProduct|l1norm|l2norm|l2Squared|innerProduct|knn_score/;

/**
 * How the first stage finds its candidates: `lexical` by words, `vector` by (dense or sparse) vectors, `hybrid` by both
 * or by a mixing clause, `unknown` when the request shows neither. Filters give no scores and do not count; a list that
 * another model has already reranked is `unknown`.
 */
export function firstStageOf(view: JsonObject): FirstStage {
  let hasLexical = typeof view['q'] === 'string';
  let hasVector = false;
  for (const clause of clausesOf(view)) {
    if (clause.isFilter) continue;
    if (clause.name === 'text_similarity_reranker') return 'unknown';
    if (mixing.has(clause.name)) return 'hybrid';
    hasLexical ||= clause.family === 'query' && lexical.has(clause.name);
    hasVector ||= vector.has(clause.name) || isVectorScript(clause);
  }
  if (hasLexical && hasVector) return 'hybrid';
  if (hasVector) return 'vector';
  return hasLexical ? 'lexical' : 'unknown';
}

function isVectorScript({ name, value }: Clause): boolean {
  if (name !== 'script_score' && name !== 'function_score') return false;
  return vectorScript.test(JSON.stringify(value) ?? '');
}

/** The lowest score of a pin: query rules give pinned hits scores from here on (about half of the largest float32). */
const pinnedScore = 1.7e38;

/**
 * Makes a test for the hits that the request itself pins: the hits that an outermost `pinned` query or retriever names
 * by id, and, below an outermost `rule`, whose ids only the server knows, the hits with a pin's score. A pin inside
 * another clause orders nothing by itself and does not count.
 */
export function pinnedBy(view: JsonObject): (hit: JsonObject) => boolean {
  const pin = outermostPin(view);
  if (!pin) return () => false;
  if (pin.name !== 'pinned')
    return (hit) => typeof hit['_score'] === 'number' && hit['_score'] >= pinnedScore;
  const value = isObject(pin.value) ? pin.value : {};
  const ids = new Set(toList(value['ids']));
  const documents = toList(value['docs']).filter(isObject);
  return (hit) =>
    ids.has(hit['_id']) ||
    documents.some(
      ({ _id, _index }) => _id === hit['_id'] && (_index === undefined || _index === hit['_index']),
    );
}

const pins = new Set(['pinned', 'rule', 'rule_query']);

function outermostPin(view: JsonObject): Clause | undefined {
  for (const clause of clausesOf(view)) {
    if (pins.has(clause.name)) return clause;
    if (clause.name !== 'standard') return undefined;
  }
  return undefined;
}
