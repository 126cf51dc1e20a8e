/** Opens the target of every command on states: a server, an index, texts, and the place of states. */

import { ConfigurationError, type StateMaker } from '../../../engine/index.ts';
import type { PatienceOptions } from '../../cluster/patience.ts';
import { type Cluster, cluster } from '../../cluster/patient-calls.ts';
import type { ServerCalls } from '../../cluster/server-calls.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import { defaultStateField } from '../../stored-states/names.ts';
import type { StatePlace } from '../../stored-states/places.ts';
import type { StateStore } from './contract.ts';
import { fieldStore } from './field.ts';
import { type ReadText, readText } from './read-text.ts';
import { sidecarStore } from './sidecar.ts';

/** Options that building, counting and dropping share. */
export interface StateTargetOptions {
  /** Calls to the server, made by `stateCalls`. */
  readonly calls: ServerCalls;
  /** Index, alias, data stream or pattern. */
  readonly index: string;
  /** Where states lie. */
  readonly place: StatePlace;
  /** How long calls wait for a busy server. */
  readonly patience?: PatienceOptions | undefined;
  /** Ends the work: a build ends after the batches in hand. */
  readonly signal?: AbortSignal | undefined;
}

/** A server, and the store of states on it. */
export interface StateTarget {
  /** The server. */
  readonly cluster: Cluster;
  /** The store of states. */
  readonly store: StateStore;
}

/**
 * Opens the target that the options name; sends nothing. @throws ConfigurationError when the options allow no text, or
 * no vector.
 */
export function stateTarget(
  { calls, place, patience, maker }: StateTargetOptions & { readonly maker?: StateMaker | undefined },
  textOptions: DocumentTextOptions,
): StateTarget {
  const server = cluster(calls, patience);
  const text = readText(textOptions);
  return { cluster: server, store: storeAt(server, place, { text, maker }) };
}

/** Opens the store of a place. @throws ConfigurationError when states with tokens should be kept as a vector. */
export function storeAt(
  server: Cluster,
  place: StatePlace,
  { text, maker }: { readonly text: ReadText; readonly maker: StateMaker | undefined },
): StateStore {
  if (place.kind === 'sidecar') return sidecarStore(server, { generation: place.generation, text });
  const { field = defaultStateField, vector = false } = place;
  if (!vector) return fieldStore(server, { field, text });
  if (maker && !maker.form.name.startsWith('anchor')) {
    const message = `a vector is the anchor of a document: expected a codec of tier anchor, got "${maker.form.name}"`;
    throw new ConfigurationError('Cannot keep vectors', [{ path: 'place.vector', message }]);
  }
  const keepsLength = maker?.form.keepsLength;
  return fieldStore(server, { field, text, vectorWidth: () => widthOf(maker), keepsLength });
}

async function widthOf(maker: StateMaker | undefined): Promise<number> {
  const [state] = (await maker?.encode(['a'])) ?? [];
  return state?.width ?? 0;
}
