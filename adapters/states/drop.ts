/** Takes states away. */
import { concreteIndices } from './shards.ts';
import { type StateTargetOptions, stateTarget } from './target.ts';

/** Takes every state of an index away. @returns What was removed, in words; nothing when nothing was there. */
export async function dropStates(options: StateTargetOptions): Promise<readonly string[]> {
  // No text is read.
  const { cluster, store } = stateTarget(options, { fields: ['_'] });
  const indices = await concreteIndices(cluster, options.index, { signal: options.signal });
  return store.drop(indices, { signal: options.signal });
}
