/** States in an index beside the documents' own: safe from reindexing, and from updates that drop fields. */
import { isObject, type JsonObject } from '../search-body/json.ts';
import { type Cluster, refused } from './cluster.ts';
import type {
  CallOptions,
  ConcreteIndex,
  Place,
  ScannedDocument,
  StateEntry,
  StateStore,
  StoredMark,
  WriteMark,
} from './contract.ts';
import { asCondition, fetchDocuments, versionOf } from './fetch.ts';
import { sidecarIndex } from './names.ts';
import type { ReadText } from './read-text.ts';

/** What a {@link sidecarStore} is over. */
export interface SidecarOptions {
  /** Which generation of states. */
  readonly generation: string;
  /** Makes the text of a document. */
  readonly text: ReadText;
}

const mappings = {
  dynamic: 'strict',
  properties: {
    state: { type: 'binary', doc_values: false },
    encoding: { type: 'keyword' },
    text_digest: { type: 'keyword' },
    source_seq_no: { type: 'long' },
    source_primary_term: { type: 'long' },
  },
};

/** Everything but the state itself. */
const markFields = ['encoding', 'text_digest', 'source_seq_no', 'source_primary_term'];

/**
 * States under the ids of their documents, in one index a concrete index. A write replaces exactly the state that was
 * looked at, and one of a later version of the document is left alone: an older state never replaces a newer one.
 */
export function sidecarStore(cluster: Cluster, { generation, text }: SidecarOptions): StateStore {
  const targetOf = ({ index, id, routing }: ScannedDocument) => ({
    index: sidecarIndex(index, generation),
    id,
    routing,
  });
  return {
    scanned: text.fields,
    async prepare(indices, options = {}) {
      const prepared: ConcreteIndex[] = [];
      for (const index of indices) {
        const sidecar = sidecarIndex(index.name, generation);
        const uuid =
          (await uuidOf(cluster, sidecar, options)) ?? (await make(cluster, { sidecar, index }, options));
        prepared.push({ ...index, identity: `${index.identity}.${uuid}` });
      }
      return prepared;
    },
    async look(documents, { signal } = {}) {
      const found = await fetchDocuments(cluster, documents.map(targetOf), { source: markFields, signal });
      return documents.map((document, i) => toPlace(text.of(document.hit), found[i]));
    },
    operation: (entry) => toOperation(entry, targetOf(entry.document)),
    async drop(indices, options = {}) {
      const removed: string[] = [];
      for (const { name } of indices) {
        const sidecar = sidecarIndex(name, generation);
        const request = { method: 'DELETE', path: `/${encodeURIComponent(sidecar)}` } as const;
        const asked = { what: `delete "${sidecar}"`, allowed: [404], ...options };
        if ((await cluster.ask(request, asked)).status !== 404) removed.push(`index "${sidecar}"`);
      }
      return removed;
    },
  };
}

interface NewSidecar {
  readonly sidecar: string;
  readonly index: ConcreteIndex;
}

/** As many shards as the documents have, so that routings of their own lead as far apart. @returns Its uuid. */
async function make(cluster: Cluster, { sidecar, index }: NewSidecar, options: CallOptions): Promise<string> {
  const { shards, replicas } = index;
  const settings = {
    number_of_shards: shards,
    ...(replicas !== undefined && { number_of_replicas: replicas }),
  };
  const request = {
    method: 'PUT',
    path: `/${encodeURIComponent(sidecar)}`,
    body: { settings, mappings },
  } as const;
  // Refused when another worker was first: then it is there now.
  const answer = await cluster.ask(request, { what: `make "${sidecar}"`, allowed: [400], ...options });
  const uuid = await uuidOf(cluster, sidecar, options);
  if (uuid !== undefined) return uuid;
  throw refused(cluster.server, `make "${sidecar}"`, answer);
}

async function uuidOf(cluster: Cluster, sidecar: string, options: CallOptions): Promise<string | undefined> {
  const path = `/${encodeURIComponent(sidecar)}/_settings`;
  const request = { method: 'GET', path, querystring: { flat_settings: 'true' } } as const;
  const answer = await cluster.ask(request, { what: `read "${sidecar}"`, allowed: [404], ...options });
  const found = answer.body[sidecar];
  const settings = isObject(found) ? found['settings'] : undefined;
  return isObject(settings) ? String(settings['index.uuid']) : undefined;
}

function toOperation(
  { document, place, encoding, textDigest, bytes }: StateEntry,
  {
    index,
    id,
    routing,
  }: { readonly index: string; readonly id: string; readonly routing: string | undefined },
): ReturnType<StateStore['operation']> {
  const { version } = place;
  return {
    action: version ? 'index' : 'create',
    target: {
      _index: index,
      _id: id,
      ...(routing !== undefined && { routing }),
      ...(version && asCondition(version)),
    },
    body: {
      state: Buffer.from(bytes).toString('base64'),
      encoding,
      text_digest: textDigest,
      source_seq_no: document.seqNo,
      source_primary_term: document.primaryTerm,
    },
  };
}

function toPlace(text: string, found: JsonObject | undefined): Place {
  if (!found) return { text };
  return { text, version: versionOf(found), stored: toMark(found['_source']) };
}

function toMark(source: unknown): StoredMark {
  const { encoding, text_digest: textDigest, ...rest } = isObject(source) ? source : {};
  const written: WriteMark = {
    seqNo: Number(rest['source_seq_no']),
    primaryTerm: Number(rest['source_primary_term']),
  };
  return { encoding: String(encoding), textDigest: String(textDigest), source: written };
}
