/**
 * Sends several searches in one round trip: turns requests into the lines of a multi-search, and its answer into
 * theirs.
 */
import { type BlockRankError, FirstStageError } from '../../engine/index.ts';
import { itemError } from '../cluster/errors.ts';
import { describeValue, isObject, type JsonObject } from '../cluster/json.ts';
import { type BodyLayout, viewOf } from './request-view.ts';

/** One search of a multi-search: its header line and its body line. */
export interface SearchLines {
  /** Where to search, and how. */
  readonly header: JsonObject;
  /** What to search for. */
  readonly body: JsonObject;
}

/** Properties that both servers read from a header line. */
const headerKeys = new Set([
  'index',
  'routing',
  'preference',
  'search_type',
  'request_cache',
  'allow_no_indices',
  'expand_wildcards',
  'ignore_unavailable',
  'ccs_minimize_roundtrips',
  'allow_partial_search_results',
]);

/** Parameters of the address that have the same name and meaning in the body. */
const bodyKeys = new Set([
  'from',
  'size',
  'explain',
  'version',
  'timeout',
  'terminate_after',
  'track_scores',
  'track_total_hits',
  'seq_no_primary_term',
  'search_pipeline',
]);

/** Parameters that only an address can hold. */
const addressKeys = new Set([
  'q',
  'df',
  'analyzer',
  'analyze_wildcard',
  'default_operator',
  'lenient',
  'scroll',
  'filter_path',
  'typed_keys',
  'rest_total_hits_as_int',
  'error_trace',
  'human',
  'pretty',
  'source',
  'source_content_type',
  'batched_reduce_size',
  'max_concurrent_shard_requests',
  'pre_filter_shard_size',
  'suggest_field',
  'suggest_mode',
  'suggest_size',
  'suggest_text',
  'force_synthetic_source',
  'cancel_after_time_interval',
  'verbose_pipeline',
  'phase_took',
  '_source_includes',
  '_source_excludes',
  '_source_exclude_vectors',
  'querystring',
]);

/**
 * The lines of a request in a multi-search; `undefined` when only a search of its own can hold a part of it (its words
 * in `q`, or a parameter of the address).
 */
export function toSearchLines(request: object, layout: BodyLayout): SearchLines | undefined {
  const view = viewOf(request, layout);
  if (!view) return undefined;
  const beside = Object.keys(request).filter(
    (key) => key !== 'body' && (request as JsonObject)[key] !== undefined,
  );
  const fits = (key: string): boolean => {
    if (headerKeys.has(key) || bodyKeys.has(key)) return true;
    // Elasticsearch's client moves every property that is no known parameter into the body; OpenSearch's does not.
    if (addressKeys.has(key) || layout === 'body') return false;
    return !(key === 'sort' && typeof view['sort'] === 'string' && view['sort'].includes(':'));
  };
  if (!beside.every(fits)) return undefined;
  const isHeader = ([key]: [string, unknown]): boolean => headerKeys.has(key) && beside.includes(key);
  const entries = Object.entries(view);
  return {
    header: Object.fromEntries(entries.filter(isHeader)),
    body: Object.fromEntries(entries.filter((entry) => !isHeader(entry))),
  };
}

/** One answer for each item: the response, or the server's error for the item. */
export function answersOf(
  response: unknown,
  count: number,
  adapter: string,
): readonly (JsonObject | FirstStageError)[] {
  const list = isObject(response) ? response['responses'] : undefined;
  if (!Array.isArray(list) || list.length !== count) {
    const found = Array.isArray(list) ? `${list.length} answers` : `"responses" is ${describeValue(list)}`;
    throw new FirstStageError(
      `Cannot read the answer of "${adapter}" to a multi-search of ${count}: ${found}. Check that nothing in between rewrites its answers.`,
      { adapter },
    );
  }
  return list.map((item: unknown, i) => {
    const what = `Search ${i + 1} of a multi-search`;
    if (!isObject(item)) return itemError(adapter, what, { error: `the answer is ${describeValue(item)}` });
    return item['error'] === undefined ? item : itemError(adapter, what, item);
  });
}

/** The two ways to ask one server. */
export interface Sender<Answer> {
  /** Sends a multi-search's lines, one answer or error each. */
  readonly together: (lines: readonly SearchLines[]) => Promise<readonly (Answer | BlockRankError)[]>;
  /** Sends one request alone. */
  readonly alone: (request: object) => Promise<Answer>;
}

/**
 * Sends the requests that fit into one multi-search together, and every other request alone; answers come in the
 * requests' order.
 */
export async function searchTogether<Answer>(
  requests: readonly object[],
  layout: BodyLayout,
  { together, alone }: Sender<Answer>,
): Promise<readonly (Answer | BlockRankError)[]> {
  const lines = requests.map((request) => toSearchLines(request, layout));
  const fitting = lines.filter((entry) => entry !== undefined);
  const single = requests.map((request, i) =>
    lines[i] ? undefined : alone(request).catch((error: unknown) => toItem<Answer>(error)),
  );
  const [joint, ...singles] = await Promise.all([fitting.length > 0 ? together(fitting) : [], ...single]);
  let next = 0;
  return lines.map((entry, i) => (entry ? joint[next++]! : singles[i]!));
}

/** A refused search is its item's error; anything else ends the whole call. */
function toItem<Answer>(error: unknown): Answer | BlockRankError {
  if (error instanceof FirstStageError) return error;
  throw error;
}
