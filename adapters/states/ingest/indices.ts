/** Finds where states go when an application writes documents with its own client. */
import { ConfigurationError, FirstStageError, type StateMaker } from '../../../engine/index.ts';
import type { ConcreteIndex } from '../../cluster/contract.ts';
import { isObject } from '../../cluster/json.ts';
import { type Cluster, cluster } from '../../cluster/patient-calls.ts';
import type { ServerCalls } from '../../cluster/server-calls.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import type { StatePlace } from '../../stored-states/places.ts';
import type { ReadText } from '../place/read-text.ts';
import { storeAt } from '../place/target.ts';

/** The prepared indices, by every name that operations may use for them. */
export class IngestIndices {
  readonly #place: StatePlace;
  readonly #parts: { readonly text: ReadText; readonly maker: StateMaker };
  readonly #concrete = new Map<string, string>();

  constructor(place: StatePlace, parts: { readonly text: ReadText; readonly maker: StateMaker }) {
    this.#place = place;
    this.#parts = parts;
  }

  /** The concrete index that a name writes to; `undefined` for an index that was not prepared. */
  concreteOf(name: string): string | undefined {
    return this.#concrete.get(name);
  }

  /** Prepares an index on the server: makes what its states need and the server lacks. */
  async prepare(calls: ServerCalls, name: string): Promise<void> {
    const server = cluster(calls);
    const store = storeAt(server, this.#place, this.#parts);
    const indices = await documentIndices(server, name);
    if (indices.length === 0) {
      throw new FirstStageError(`Cannot prepare "${name}": it names no index.`, { adapter: server.server });
    }
    const written = store.besideOf ? await writeIndexOf(server, name, indices) : name;
    await store.prepare(indices);
    for (const index of indices) this.#concrete.set(index.name, index.name);
    this.#concrete.set(name, written);
  }
}

/**
 * The index that a name writes to. @throws ConfigurationError for a name whose index changes without notice, or that
 * has no single index to write to.
 */
async function writeIndexOf(
  server: Cluster,
  name: string,
  indices: readonly ConcreteIndex[],
): Promise<string> {
  const request = { method: 'GET', path: `/${encodeURIComponent(name)}/_alias` } as const;
  const { body } = await server.ask(request, { what: `read the aliases of "${name}"` });
  const writing = indices.find(({ name: index }) => {
    const entry = body[index];
    const alias = isObject(entry) && isObject(entry['aliases']) ? entry['aliases'][name] : undefined;
    return isObject(alias) && alias['is_write_index'] === true;
  });
  const [only, ...others] = indices;
  const isStream = indices.some((index) => index.name.startsWith('.ds-') && index.name !== name);
  const found = writing ?? (others.length === 0 && !isStream ? only : undefined);
  if (found) return found.name;
  throw new ConfigurationError(`Cannot put states beside "${name}"`, [
    {
      path: 'place',
      message:
        'it stands for several indices, or for one that changes: keep states in the documents, or leave them to "blockrank states watch"',
    },
  ]);
}
