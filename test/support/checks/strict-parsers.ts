/**
 * Parsers of rerank answers, as strict as the originals: ML Commons' cohere post function, and Elasticsearch's `custom`
 * and `hugging_face` services.
 */
import assert from 'node:assert/strict';

/** JSON numbers with the class that Jackson gives them, as ML Commons' parser reads them. */
type Parsed = string | boolean | null | JavaNumber | readonly Parsed[] | { readonly [key: string]: Parsed };

class JavaNumber {
  readonly type: 'Integer' | 'Long' | 'Double' | 'BigDecimal';
  readonly value: number;

  constructor(literal: string) {
    const isWhole = /^-?\d+$/.test(literal);
    if (isWhole) this.type = Math.abs(Number(literal)) < 2 ** 31 ? 'Integer' : 'Long';
    else this.type = literal.length > 18 ? 'BigDecimal' : 'Double';
    this.value = Number(literal);
  }
}

/** `CohereRerankPostProcessFunction`: casts `(Double) relevance_score` and `(Integer) index`, sizes its array by the results. */
export function openSearchScores(answer: string, documents: number): number[] {
  const root = parse(answer);
  assert.ok(
    isObject(root) && 'results' in root,
    "Expected to find an object with property ['results'] in path $",
  );
  const results = root['results'];
  assert.ok(Array.isArray(results) && results.length > 0, 'tensorsList is null');
  const scores = new Array<number | undefined>(results.length).fill(undefined);
  for (const result of results as readonly { readonly [key: string]: Parsed }[]) {
    const index = castTo(result['index'], 'Integer');
    assert.ok(index < results.length, `Index ${index} out of bounds for length ${results.length}`);
    scores[index] = Math.fround(castTo(result['relevance_score'], 'Double'));
  }
  assert.ok(
    scores.every((score) => score !== undefined),
    'because "n" is null',
  );
  assert.equal(scores.length, documents, 'scores and hits are not the same length');
  return scores as number[];
}

interface CustomAnswer {
  readonly results?: readonly { readonly index?: unknown; readonly relevance_score?: unknown }[];
}

/** Service `custom`: the root is an object, paths are read, counts must agree. Gives the hits' new scores. */
export function elasticsearchCustomScores(answer: string, documents: number): number[] {
  const parsed = JSON.parse(answer) as unknown;
  assert.ok(isObject(parsed), 'jsonParser.map() needs an object');
  const root = parsed as unknown as CustomAnswer;
  const scores = root.results?.map(({ relevance_score }) => relevance_score) ?? [];
  const indexes = root.results?.map(({ index }) => index) ?? [];
  assert.ok(scores.length > 0, 'Failed to find required field [relevance_score]');
  assert.equal(scores.length, indexes.length);
  return rerankedScores(indexes, scores, documents);
}

/** Service `hugging_face`: a top-level array; an unknown field in an entry throws. */
export function elasticsearchHuggingFaceScores(answer: string, documents: number): number[] {
  const root = JSON.parse(answer) as unknown;
  assert.ok(Array.isArray(root), 'ensureExpectedToken(START_ARRAY)');
  for (const entry of root as object[]) {
    for (const key of Object.keys(entry)) {
      assert.ok(
        ['index', 'score', 'relevance_score', 'text', 'document'].includes(key),
        `unknown field [${key}]`,
      );
    }
  }
  const entries = root as { index: unknown; score: unknown }[];
  return rerankedScores(
    entries.map(({ index }) => index),
    entries.map(({ score }) => score),
    documents,
  );
}

/** `text_similarity_reranker`: as many scores as documents, then max(s,0)+min(exp(s),1) as float32. */
function rerankedScores(
  indexes: readonly unknown[],
  scores: readonly unknown[],
  documents: number,
): number[] {
  assert.equal(scores.length, documents, 'Reranker input document count and returned score count mismatch');
  const found = new Array<number>(documents).fill(Number.NaN);
  indexes.forEach((index, i) => {
    const score = scores[i];
    assert.ok(Number.isInteger(index) && typeof score === 'number');
    const narrow = Math.fround(score);
    found[index as number] = Math.fround(Math.max(narrow, 0) + Math.min(Math.fround(Math.exp(narrow)), 1));
  });
  assert.ok(found.every(Number.isFinite), 'every document needs a score');
  return found;
}

function castTo(value: Parsed | undefined, type: JavaNumber['type']): number {
  assert.ok(value instanceof JavaNumber, `class ${typeof value} cannot be cast to class java.lang.${type}`);
  assert.equal(value.type, type, `class java.lang.${value.type} cannot be cast to class java.lang.${type}`);
  return value.value;
}

function isObject(value: unknown): value is { readonly [key: string]: Parsed } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON.parse, with numbers by their spelling. */
function parse(json: string): Parsed {
  const literals: string[] = [];
  // Wraps numbers outside of strings in marked strings, which no JSON of ours holds.
  const marked = json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000#${literals.push(token) - 1}"`,
  );
  return JSON.parse(marked, (_key, value) =>
    typeof value === 'string' && value.startsWith('\u0000#')
      ? new JavaNumber(literals[Number(value.slice(2))]!)
      : value,
  );
}
