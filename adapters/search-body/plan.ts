/** Plans what is sent for a request, and whether its hits are reranked at all. */
import type { Plan, PlanOptions, PlanWarning, UnrerankedReason } from '../adapter.ts';
import { isObject, type JsonObject, listedIn, toList } from '../cluster/json.ts';
import { sourceFieldsOf } from '../fields-apart.ts';
import { bareHighlight } from '../hit-text.ts';
import { hasWord } from '../words.ts';
import { fieldsChange } from './fetched-fields.ts';
import type { SearchBodySettings } from './options.ts';
import { queryTextOf } from './query-text.ts';
import { viewOf, withChanges } from './request-view.ts';
import { planSource, type SourcePlan } from './source-filter.ts';
import { stateFields } from './stored-states.ts';
import { madeOfMatches } from './widen-neighbours.ts';
import { widenRequest } from './widen-request.ts';

/** Both servers' own default of `size`. */
const defaultSize = 10;

/** Plans a request. Pure: never changes the request, and sends it as it is when reranking needs no change. */
export function planSearch<Request extends object>(
  request: Request,
  options: PlanOptions,
  settings: SearchBodySettings,
): Plan<Request> {
  const { rankWindowSize, queryText } = options;
  const view = viewOf(request, settings.layout);
  const page = pageOf(view ?? {});
  const plan = { request, original: request, page: page ?? { from: 0, size: defaultSize }, rankWindowSize };
  const pass = (reason: UnrerankedReason, warnings: readonly PlanWarning[] = []): Plan<Request> => {
    return { ...plan, reason, warnings };
  };
  if (!view || !page) return pass('unsupported-request');
  const refusal = refusalOf(view) ?? (page.from >= rankWindowSize ? 'beyond-window' : undefined);
  if (refusal) return pass(refusal, view['filter_path'] === undefined ? [] : [filterPathWarning]);
  const text = queryText ?? queryTextOf(view, settings.query, settings.text.fields);
  if (text === undefined || !hasWord(text)) return pass('no-query-text');
  const { changes, warnings } = changesFor(view, { page, rankWindowSize }, settings);
  const isSame = Object.keys(changes).length === 0;
  const sent = isSame ? request : (withChanges(request as JsonObject, changes, settings.layout) as Request);
  return { ...plan, request: sent, query: { text }, warnings, fields: settings.text.fields };
}

const filterPathWarning: PlanWarning = {
  code: 'filter-path',
  message:
    'With "filter_path" the answer lacks parts that reranking reads: leave it out, or choose with "_source".',
};

interface Window {
  readonly page: Plan<unknown>['page'];
  readonly rankWindowSize: number;
}

function changesFor(
  view: JsonObject,
  { page, rankWindowSize }: Window,
  settings: SearchBodySettings,
): { readonly changes: JsonObject; readonly warnings: readonly PlanWarning[] } {
  const pageEnd = page.from + page.size;
  const { maxResultWindow } = settings;
  const depth = Math.max(pageEnd, Math.min(rankWindowSize, maxResultWindow));
  const widened = widenRequest(view, {
    rankWindowSize,
    depth,
    pageSize: page.size,
    madeOfMatches: madeOfMatches(view),
    isCounted: view['track_total_hits'] !== false && view['track_total_hits'] !== 'false',
  });
  const size = Math.min(depth, widened.listSize ?? depth);
  return {
    changes: {
      ...(page.from > 0 && { from: 0 }),
      ...(size !== page.size && { size }),
      ...widened.changes,
      ...sourcePlanOf(view, settings).changes,
      ...fieldsChange(view, settings),
      ...(addsHighlight(view, settings) && { highlight: bareHighlight(settings.text.fields) }),
    },
    warnings: [
      ...windowWarnings(pageEnd, rankWindowSize, maxResultWindow),
      ...widened.warnings,
      ...terminationWarnings(view, size > page.size, settings.adapter),
    ],
  };
}

/**
 * Warns that a larger page may end sooner: while a page is small, Elasticsearch counts some hits without visiting them,
 * and `terminate_after` does not count those.
 */
function terminationWarnings(view: JsonObject, isLarger: boolean, server: string): readonly PlanWarning[] {
  const limit = view['terminate_after'];
  if (!isLarger || server === 'opensearch' || limit === undefined || Number(limit) === 0) return [];
  const message = `With "terminate_after" (${String(limit)}) Elasticsearch may count fewer hits, and say "terminated_early", since more than the page is fetched for reranking: leave it out, or read no totals from a reranked search.`;
  return [{ code: 'terminated-early', message }];
}

function windowWarnings(
  pageEnd: number,
  rankWindowSize: number,
  maxResultWindow: number,
): readonly PlanWarning[] {
  if (Math.max(pageEnd, rankWindowSize) <= maxResultWindow) return [];
  const setting = `"index.max_result_window" (${maxResultWindow})`;
  const message =
    pageEnd > maxResultWindow
      ? `The page ends at hit ${pageEnd}, beyond ${setting}: the server refuses it unless that setting is raised; if it is, give its value as maxResultWindow.`
      : `rankWindowSize ${rankWindowSize} is beyond ${setting}: only ${maxResultWindow} hits are fetched and reranked; lower rankWindowSize, or raise the setting and give its value as maxResultWindow.`;
  return [{ code: 'max-result-window', message }];
}

/** How the plan changes the user's `_source`, and how to restore it in a hit. */
export function sourcePlanOf(view: JsonObject, settings: SearchBodySettings): SourcePlan {
  const { source } = stateFields(settings.states, settings.adapter);
  const read = [...settings.text.fields, ...sourceFieldsOf(settings.fieldsApart)];
  return planSource(view, [...new Set([...read, ...source])], settings.adapter);
}

/** Whether the plan adds a highlight of its own. */
export function addsHighlight(view: JsonObject, settings: SearchBodySettings): boolean {
  return settings.highlight && view['highlight'] === undefined;
}

/**
 * The page that the request asks for; `undefined` for a page that no server gives. Numbers in the address may be
 * written as text.
 */
function pageOf(view: JsonObject): Plan<unknown>['page'] | undefined {
  const from = countOf(view['from'], 0);
  const size = countOf(view['size'], defaultSize);
  return isCount(from) && isCount(size) ? { from, size } : undefined;
}

/** A number as the servers read it; NaN for values that they refuse (`true`, `null`, `[5]`, "0x5"). */
function countOf(value: unknown, unsaid: number): number {
  if (value === undefined) return unsaid;
  const isDigits = typeof value === 'string' && /^\+?\d+$/.test(value);
  return typeof value === 'number' || isDigits ? Number(value) : Number.NaN;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The reason why reranking must not order a request's hits; `undefined` when it may. */
function refusalOf(view: JsonObject): UnrerankedReason | undefined {
  if (Number(view['size'] ?? defaultSize) === 0) return 'size-zero';
  if (view['scroll'] !== undefined) return 'scroll';
  if (view['search_after'] !== undefined) return 'search-after';
  if (!sortsByScore(view['sort'])) return 'explicit-sort';
  const isSearch = ['query', 'knn', 'retriever', 'q'].some((key) => view[key] !== undefined);
  if (!isSearch && view['suggest'] !== undefined) return 'unsupported-request';
  // Without stored fields hits have no ids, and both servers refuse to give `_source` with them.
  const hasNoFields = listedIn(view['stored_fields']).includes('_none_');
  return view['filter_path'] !== undefined || hasNoFields ? 'unsupported-request' : undefined;
}

/** Whether a request sorts by descending score alone, which is also the servers' default. */
function sortsByScore(sort: unknown): boolean {
  const keys = typeof sort === 'string' ? sort.split(',') : toList(sort);
  return keys.length === 0 || (keys.length === 1 && isScore(keys[0]));
}

function isScore(key: unknown): boolean {
  if (typeof key === 'string') return key === '_score' || key === '_score:desc';
  if (!isObject(key) || Object.keys(key).length !== 1) return false;
  const order = key['_score'];
  return order === 'desc' || (isObject(order) && (order['order'] ?? 'desc') === 'desc');
}
