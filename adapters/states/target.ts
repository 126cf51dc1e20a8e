/** What every command on states is about: a server, an index, texts, and the place of states. */
import type { DocumentTextOptions } from '../document-text.ts';
import type { ServerCalls } from '../install/server-calls.ts';
import { type Cluster, cluster } from './cluster.ts';
import type { StateStore } from './contract.ts';
import { fieldStore } from './field.ts';
import { defaultStateField } from './names.ts';
import type { PatienceOptions } from './patience.ts';
import { readText } from './read-text.ts';
import { sidecarStore } from './sidecar.ts';

/** Where states are kept. */
export type StatePlace =
  | {
      /** In an index beside each index. */
      readonly kind: 'sidecar';
      /** Names one generation of states; see `defaultGeneration`. */
      readonly generation: string;
    }
  | {
      /** In the documents. */
      readonly kind: 'field';
      /** The object that holds a state. @defaultValue `'blockrank_state'` */
      readonly field?: string | undefined;
    };

/** Options that building, counting and dropping share. */
export interface StateTargetOptions {
  /** Calls to the server, made by `stateCalls`. */
  readonly calls: ServerCalls;
  /** Index, alias, data stream or pattern. */
  readonly index: string;
  /** Where states are kept. */
  readonly place: StatePlace;
  /** How long a busy server is waited for. */
  readonly patience?: PatienceOptions | undefined;
  /** Ends the work: a build ends after the batches in hand. */
  readonly signal?: AbortSignal | undefined;
}

/** A server, and the place of states on it. */
export interface StateTarget {
  /** The server. */
  readonly cluster: Cluster;
  /** The place of states. */
  readonly store: StateStore;
}

/** Opens what the options name; nothing is sent. @throws ConfigurationError when no text can be made. */
export function stateTarget(
  { calls, place, patience }: StateTargetOptions,
  textOptions: DocumentTextOptions,
): StateTarget {
  const server = cluster(calls, patience);
  const text = readText(textOptions);
  const store =
    place.kind === 'sidecar'
      ? sidecarStore(server, { generation: place.generation, text })
      : fieldStore(server, { field: place.field ?? defaultStateField, text });
  return { cluster: server, store };
}
