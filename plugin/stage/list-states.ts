/** Fetches the block states of a list, where the adapter keeps them beside the documents. */
import type { FoundList } from '../../adapters/adapter.ts';
import type { Shortlist } from '../../engine/index.ts';
import type { RunningSearch, StageParts } from './parts.ts';

/** The list with its block states; without states when fetching fails: then the reranker encodes the documents anew. */
export async function withStates<Request, Response>(
  { settings, events, source }: StageParts<Request, Response>,
  found: FoundList<Request, Response>,
  { budget }: Pick<RunningSearch<Request, Response>, 'budget'>,
): Promise<Shortlist> {
  const { adapter, tracing } = settings;
  if (!adapter.addStates) return found.shortlist;
  budget.enter('states');
  const { signal } = budget;
  try {
    return await tracing.trace('states', source, () => budget.within(adapter.addStates!(found, { signal })));
  } catch (error) {
    // When the caller gave up, or time ran out, the next step handles it.
    if (!budget.signal.aborted) events.failure({ ...source, phase: 'states', error });
    return found.shortlist;
  }
}
