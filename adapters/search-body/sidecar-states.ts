/** Block states from the index beside the documents: one call a list, by id. */
import type { Shortlist, StoredState } from '../../engine/index.ts';
import { sidecarIndex } from '../states/names.ts';
import { isObject, type JsonObject, toList } from './json.ts';
import type { SearchHit } from './options.ts';
import { bytesOf } from './stored-states.ts';

/** The documents of a multi-get, one a hit. */
export function stateDocuments(hits: readonly SearchHit[], generation: string): readonly JsonObject[] {
  return hits.map(({ _index, _id, _routing }) => ({
    _index: sidecarIndex(String(_index), generation),
    _id,
    _source: ['state'],
    ...(_routing !== undefined && { routing: _routing }),
  }));
}

/** The shortlist with what the multi-get brought. A document that is not there, or whose index is not, has no state. */
export function withStates(shortlist: Shortlist, answer: unknown): Shortlist {
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
