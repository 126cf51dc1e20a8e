/** Reads block states from the index beside the documents, by id, with one call for a list. */
import type { Shortlist, StoredState } from '../../engine/index.ts';
import type { FoundList } from '../adapter.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';
import { sidecarIndex } from '../stored-states/names.ts';
import type { SearchBodySettings, SearchHit } from './options.ts';
import { windowOf } from './shortlist.ts';
import { bytesOf } from './stored-states.ts';

/** Fetches documents by id, as a multi-get does; resolves with the answer's body. */
export type FetchDocuments = (docs: readonly JsonObject[]) => Promise<unknown>;

/**
 * Makes the function that adds a sidecar's states to a shortlist; `undefined` where the settings name no sidecar. A
 * missing document, or one whose index is missing, gets no state.
 */
export function sidecarReader(
  settings: SearchBodySettings,
): ((found: FoundList<object, unknown>, fetch: FetchDocuments) => Promise<Shortlist>) | undefined {
  const { states } = settings;
  if (states?.kind !== 'sidecar') return undefined;
  return async ({ plan, response, shortlist }, fetch) => {
    const docs = windowOf(plan, response, settings).map((hit) => stateDocument(hit, states.generation));
    return docs.length === 0 ? shortlist : withStates(shortlist, await fetch(docs));
  };
}

function stateDocument({ _index, _id, _routing }: SearchHit, generation: string): JsonObject {
  return {
    _index: sidecarIndex(String(_index), generation),
    _id,
    _source: ['state'],
    ...(_routing !== undefined && { routing: _routing }),
  };
}

function withStates(shortlist: Shortlist, answer: unknown): Shortlist {
  const found = toList(isObject(answer) ? answer['docs'] : undefined);
  const candidates = shortlist.candidates.map((candidate, i) => {
    const storedState = stateIn(found[i]);
    return storedState ? { ...candidate, storedState } : candidate;
  });
  return { ...shortlist, candidates };
}

function stateIn(document: unknown): StoredState | undefined {
  if (!isObject(document) || !isObject(document['_source'])) return undefined;
  return bytesOf(document['_source']);
}
