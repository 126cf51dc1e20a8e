/** Turns a search response into the engine's shortlist. */
import {
  type Candidate,
  type CandidateSignals,
  FirstStageError,
  type Shortlist,
} from '../../engine/index.ts';
import type { Plan } from '../adapter.ts';
import { describeValue, isObject, type JsonObject } from '../cluster/json.ts';
import { fieldTextsOf } from '../fields-apart.ts';
import { fieldText, highlightReader } from '../hit-text.ts';
import { toSignalValue } from '../signal-value.ts';
import { firstStageOf, pinnedBy } from './first-stage.ts';
import type { SearchBodySettings, SearchHit } from './options.ts';
import { viewOf } from './request-view.ts';
import { stateReader } from './stored-states.ts';

/** The window's candidates, in the response's order. @throws FirstStageError when the value is no search response. */
export function shortlistOf(plan: Plan<object>, response: unknown, settings: SearchBodySettings): Shortlist {
  const window = windowOf(plan, response, settings);
  const view = viewOf(plan.original, settings.layout) ?? {};
  const sent = viewOf(plan.request, settings.layout) ?? {};
  const fromHighlight = highlightReader(sent['highlight']);
  const piecesOf = settings.highlight
    ? fromHighlight
    : (hit: SearchHit, field: string) => [{ text: fieldText(hit, field), fieldStart: 0 }];
  const isPinnedByRequest = pinnedBy(view);
  const pinned = window.flatMap((hit, i) => (isPinnedByRequest(hit) || settings.isPinned(hit) ? [i] : []));
  const fixed = new Set(pinned);
  const stateOf = stateReader(settings.states);
  const candidates = window.map((hit, i): Candidate => {
    // A pin's score (1.7e38) fixes the hit's rank and says nothing of its fit; it would flatten all other scores.
    const firstStageScore = fixed.has(i) && isPinnedByRequest(hit) ? undefined : scoreOf(hit);
    const storedState = stateOf(hit);
    return {
      docId: String(hit['_id'] ?? ''),
      ...settings.text.write((field) => piecesOf(hit, field)),
      ...(firstStageScore !== undefined && { firstStageScore }),
      ...(storedState && { storedState }),
      ...(settings.fieldsApart.length > 0 && { fieldTexts: fieldTextsOf(hit, settings.fieldsApart) }),
      ...(settings.signals.length > 0 && { signals: signalsOf(hit, settings.signals) }),
    };
  });
  return {
    query: plan.query ?? { text: '' },
    candidates,
    firstStage: firstStageOf(view),
    ...(pinned.length > 0 && { pinned }),
    ...(settings.states && { asksStates: true }),
  };
}

/** The signals of a hit: the values of the fields that were fetched for score steps. */
function signalsOf({ fields }: SearchHit, names: readonly string[]): CandidateSignals {
  const fetched = isObject(fields) ? fields : {};
  return Object.fromEntries(names.map((name) => [name, toSignalValue(fetched[name])]));
}

/** The hits that are reranked. @throws FirstStageError when the value is no search response. */
export function windowOf(
  plan: Plan<object>,
  response: unknown,
  settings: SearchBodySettings,
): readonly SearchHit[] {
  return hitsOf(response, settings.adapter).slice(0, plan.rankWindowSize);
}

/** The server's score of a hit; `undefined` when it gave none. */
export function scoreOf(hit: SearchHit): number | undefined {
  return typeof hit['_score'] === 'number' ? hit['_score'] : undefined;
}

/** The hits of a response. @throws FirstStageError that describes the value when it is no response. */
export function hitsOf(response: unknown, adapter: string): readonly SearchHit[] {
  const list = hitListOf(response, adapter)['hits'];
  if (!Array.isArray(list)) throw malformed(adapter, `"hits.hits" is ${describeValue(list)}, no list`);
  const wrong = list.findIndex((hit) => !isObject(hit));
  if (wrong >= 0) throw malformed(adapter, `"hits.hits[${wrong}]" is ${describeValue(list[wrong])}, no hit`);
  return list;
}

/** The object that holds the hits. @throws FirstStageError that describes the value when it is no response. */
export function hitListOf(response: unknown, adapter: string): JsonObject {
  if (!isObject(response)) throw malformed(adapter, `it is ${describeValue(response)}, no object`);
  const { hits } = response;
  if (!isObject(hits)) throw malformed(adapter, `"hits" is ${describeValue(hits)}, no object`);
  return hits;
}

function malformed(adapter: string, fault: string): FirstStageError {
  return new FirstStageError(
    `Cannot read the answer of "${adapter}": ${fault}. Check that the address is a search server's own, and that nothing in between rewrites its answers.`,
    { adapter },
  );
}
