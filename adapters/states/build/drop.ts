/** Removes the states of an index. */
import { indexSettings } from '../../cluster/indices.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import { type StateTargetOptions, stateTarget } from '../place/target.ts';

/**
 * Removes every state of an index, and of deleted indices with that name or pattern.
 *
 * @returns What was removed, in words; empty when there was nothing to remove.
 */
export async function dropStates(options: StateTargetOptions): Promise<readonly string[]> {
  const { index, signal } = options;
  // Dropping reads no text, so any field does.
  const { cluster, store } = stateTarget(options, { fields: ['_'] });
  const { besideOf } = store;
  const indices = await documentIndices(cluster, index, { isOptional: besideOf !== undefined, signal });
  const removed = await store.drop(
    indices.map(({ name }) => name),
    { signal },
  );
  if (!besideOf) return removed;
  const left = index.split(',').filter((part) => !part.startsWith('-'));
  const found = await indexSettings(cluster, left.map(besideOf), { isOptional: true, signal });
  const suffix = besideOf('');
  const gone = [...found.keys()].flatMap((name) =>
    name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [],
  );
  return [...removed, ...(await store.drop(gone, { signal }))];
}
