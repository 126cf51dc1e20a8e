/** Plans the deletion of what earlier runs left behind unused. */

import { readTimeoutOf } from './connector.ts';
import { deletionSteps } from './model-steps.ts';
import type { OpenSearchInstallSettings } from './options.ts';
import { otherUsersOf } from './pipelines.ts';
import { type Planned, part } from './planned.ts';
import type { FoundEntry, OpenSearchState } from './state.ts';

/**
 * Plans the deletions, models first: a connector in use cannot be deleted. A model that one of the operator's own
 * pipelines asks stays, with its connector.
 *
 * @param used - Ids of the things that the installation keeps using.
 */
export function planSurplus(
  state: OpenSearchState,
  { name }: OpenSearchInstallSettings,
  used: ReadonlySet<string>,
): Planned {
  const isSurplus = ({ id, mark }: FoundEntry): boolean => mark !== undefined && !used.has(id);
  const unused = state.models.filter(isSurplus);
  const models = unused.filter(({ id }) => otherUsersOf(state, id, name).length === 0);
  const kept = unused.filter((model) => !models.includes(model));
  const stillCalled = new Set(kept.map(({ source }) => source['connector_id']));
  const connectors = state.connectors.filter((found) => isSurplus(found) && !stillCalled.has(found.id));
  return {
    parts: [
      ...models.map(({ id }) => part('model', id, 'surplus')),
      ...connectors.map(({ id }) => part('connector', id, 'surplus')),
    ],
    steps: deletionSteps({ models, connectors }).map((step, i) => ({
      ...step,
      // Searches that began before the pipeline was switched still ask the old model.
      ...(i === 0 && models.length > 0 && { pauseMs: pauseFor(state.connectors) }),
    })),
    warnings: kept.map(({ id }) => {
      const users = otherUsersOf(state, id, name).map((other) => `"${other}"`);
      return `Model ${id} stays, with its connector, for the search pipeline ${users.join(', ')} asks it: let that ask the model that GET /_search/pipeline/${name} names, then run this again to delete the old one.`;
    }),
  };
}

/** The longest time that a search in hand may wait for the service, plus a second for its first stage. */
function pauseFor(connectors: readonly FoundEntry[]): number {
  return 1000 * (Math.max(0, ...connectors.map(readTimeoutOf)) + 1);
}
