/** Puts an outcome into a search response. */
import type { HitMark, Outcome, OutcomeMark, Plan } from '../adapter.ts';
import { isObject, type JsonObject, without } from '../cluster/json.ts';
import { arrangeHits, toOutcomeMark } from '../outcome-marks.ts';
import { fieldsHider } from './fetched-fields.ts';
import type { SearchBodySettings, SearchHit } from './options.ts';
import { addsHighlight, sourcePlanOf } from './plan.ts';
import { viewOf } from './request-view.ts';
import { hitListOf, hitsOf, scoreOf, shortlistOf } from './shortlist.ts';
import { stateHider } from './stored-states.ts';

/** The property that an applied outcome adds to a response. */
export interface MarkedResponse {
  /** What the stage did; absent on a response that no stage has seen. */
  readonly blockrank?: OutcomeMark;
}

/** The property that an applied outcome adds to a hit. */
export interface MarkedHit {
  /** The hit's ranks and scores before and after; absent on hits that were not reranked. */
  readonly blockrank?: HitMark;
}

/**
 * A new response in the outcome's order, cut to the page and marked. Reranked hits carry their new score as `_score`,
 * `hits.max_score` is the best of them, and hits after the window carry 0, so that sorting by `_score` gives the same
 * order (pinned hits aside); the first stage's score is in the hit's mark. `_source` holds what the user chose.
 * Everything else is the server's own, untouched.
 */
export function applyToResponse(
  plan: Plan<object>,
  response: unknown,
  outcome: Outcome,
  settings: SearchBodySettings,
): JsonObject {
  // A search that passes unreranked may ask for an answer without hits, or in another form.
  if (plan.reason !== undefined && !hasHits(response)) return withoutHits(response, outcome);
  const hits = hitsOf(response, settings.adapter);
  const list = hitListOf(response, settings.adapter);
  const mark = toOutcomeMark(outcome, Math.min(hits.length, plan.rankWindowSize));
  const marked = (changes: JsonObject): JsonObject => ({
    ...(response as JsonObject),
    hits: { ...list, ...changes },
    blockrank: mark,
  });
  // A plan with a reason sent the user's own request, so the response is already the page.
  if (plan.reason !== undefined) return marked({});
  const { from, size } = plan.page;
  const restore = restorer(plan, settings);
  if (!outcome.reranked) return marked({ hits: hits.slice(from, from + size).map(restore) });
  const window = {
    size: mark.rankWindowSize ?? 0,
    added: plan.addedHits,
    candidates: () => shortlistOf(plan, response, settings).candidates,
  };
  const ranked = arrangeHits(hits, window, outcome, scoreOf);
  const page = ranked
    .slice(from, from + size)
    .map(({ hit, mark: own }) => ({ ...restore(hit), _score: own.score, blockrank: own }));
  const best = outcome.hits.reduce<number | null>((max, { score }) => Math.max(max ?? score, score), null);
  return marked({ max_score: best, hits: page });
}

function hasHits(response: unknown): boolean {
  return isObject(response) && isObject(response['hits']) && Array.isArray(response['hits']['hits']);
}

function withoutHits(response: unknown, outcome: Outcome): JsonObject {
  if (!isObject(response)) return response as JsonObject;
  return { ...response, blockrank: toOutcomeMark(outcome, 0) };
}

/** Makes the function that takes out of a hit what the adapter fetched only for the model. */
function restorer(plan: Plan<object>, settings: SearchBodySettings): (hit: SearchHit) => SearchHit {
  const view = viewOf(plan.original, settings.layout) ?? {};
  const { changes, restore } = sourcePlanOf(view, settings);
  const hasOwnSource = Object.keys(changes).length === 0;
  const ownHighlight = addsHighlight(view, settings);
  const hideState = stateHider(view, settings.states, settings.adapter);
  const hideFields = fieldsHider(view, settings);
  return (hit) => {
    const kept = hideFields(hideState(ownHighlight ? without(hit, ['highlight']) : hit));
    if (hasOwnSource || !isObject(kept)) return kept;
    const source = restore(kept['_source']);
    return source === undefined ? without(kept, ['_source']) : { ...kept, _source: source };
  };
}
