/** Stores states in an index beside the documents' own, safe from reindexing and from updates that drop fields. */
import { ConfigurationError, FirstStageError } from '../../../engine/index.ts';
import type { BulkOperation } from '../../cluster/bulk.ts';
import type { CallOptions, ConcreteIndex } from '../../cluster/contract.ts';
import { addressOf, asCondition, type FetchTarget, fetchDocuments, versionOf } from '../../cluster/fetch.ts';
import { indexSettings } from '../../cluster/indices.ts';
import { isObject, type JsonObject } from '../../cluster/json.ts';
import { type Cluster, refused } from '../../cluster/patient-calls.ts';
import { saidBy } from '../../cluster/server-calls.ts';
import { sidecarIndex } from '../../stored-states/names.ts';
import type { Finding, ScannedDocument, StateEntry, StateStore, StoredMark } from './contract.ts';
import { besideContent } from './made-state.ts';
import type { ReadText } from './read-text.ts';

/** Options of {@link sidecarStore}. */
export interface SidecarOptions {
  /** Name of the generation of states. */
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

/** The fields beside the state itself. */
const markFields = ['encoding', 'text_digest', 'source_seq_no', 'source_primary_term'];

/**
 * A store of states under the ids of their documents, with one index beside each concrete index. A write replaces
 * exactly the state that the look found, and leaves the state of a later version of the document alone: an older state
 * never replaces a newer one.
 */
export function sidecarStore(cluster: Cluster, { generation, text }: SidecarOptions): StateStore {
  const besideOf = (index: string): string => sidecarIndex(index, generation);
  const targetOf = ({ index, id, routing }: ScannedDocument): FetchTarget => ({
    index: besideOf(index),
    id,
    routing,
  });
  const checked = new Set<string>();
  return {
    scanned: text.fields,
    besideOf,
    async prepare(indices, options = {}) {
      const names = indices.map(({ name }) => besideOf(name));
      assertNames(names);
      const found = await indexSettings(cluster, names, { isOptional: true, ...options });
      const prepared: ConcreteIndex[] = [];
      for (const index of indices) {
        const sidecar = besideOf(index.name);
        const uuid = uuidIn(found.get(sidecar)) ?? (await make(cluster, { sidecar, index }, options));
        if (!checked.has(uuid)) await map(cluster, sidecar, options);
        checked.add(uuid);
        prepared.push({ ...index, identity: `${index.identity}.${uuid}` });
      }
      return prepared;
    },
    async look(documents, { signal } = {}) {
      const found = await fetchDocuments(cluster, documents.map(targetOf), { source: markFields, signal });
      return documents.map((document, i) => toFinding(text.of(document.hit), found[i]));
    },
    operation: (entry) => toOperation(entry, targetOf(entry.document)),
    async drop(indices, options = {}) {
      const removed: string[] = [];
      for (const index of indices) {
        const sidecar = besideOf(index);
        const request = { method: 'DELETE', path: `/${encodeURIComponent(sidecar)}` } as const;
        const asked = { what: `delete "${sidecar}"`, allowed: [404], ...options };
        if ((await cluster.ask(request, asked)).status !== 404) removed.push(`index "${sidecar}"`);
      }
      return removed;
    },
  };
}

/** Most bytes that both servers allow in the name of an index. */
const maxNameBytes = 255;

/** @throws ConfigurationError when a name is longer than an index may have. */
function assertNames(names: readonly string[]): void {
  const issues = names
    .filter((name) => Buffer.byteLength(name) > maxNameBytes)
    .map((name) => ({
      path: 'place.generation',
      message: `the index of states would be called "${name}", which has ${Buffer.byteLength(name)} bytes, and the server allows ${maxNameBytes}: give a shorter generation, or keep the states in a field of the documents (--to field)`,
    }));
  if (issues.length > 0) throw new ConfigurationError('Cannot keep states beside the documents', issues);
}

interface NewSidecar {
  readonly sidecar: string;
  readonly index: ConcreteIndex;
}

/**
 * Makes an index beside with as many shards as the documents' index, so that custom routings spread states as they
 * spread documents. @returns Its uuid.
 */
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
  // The server refuses when another worker was first: then the index exists now.
  const answer = await cluster.ask(request, { what: `make "${sidecar}"`, allowed: [400], ...options });
  const found = await indexSettings(cluster, [sidecar], { isOptional: true, ...options });
  const uuid = uuidIn(found.get(sidecar));
  if (uuid !== undefined) return uuid;
  throw refused(cluster.server, `make "${sidecar}"`, answer);
}

/**
 * Completes the mapping of an index beside. The server may have made the index itself, for an earlier write; it then
 * maps states as words and cannot hold ours.
 */
async function map(cluster: Cluster, sidecar: string, options: CallOptions): Promise<void> {
  const path = `/${encodeURIComponent(sidecar)}/_mapping`;
  const asked = { what: `map "${sidecar}"`, allowed: [400], ...options };
  const answer = await cluster.ask({ method: 'PUT', path, body: mappings }, asked);
  if (answer.status !== 400) return;
  throw new FirstStageError(
    `Cannot keep states in "${sidecar}": it is there with another mapping (${saidBy(answer)}). Delete it.`,
    { adapter: cluster.server, statusCode: answer.status },
    { cause: answer },
  );
}

function uuidIn(settings: JsonObject | undefined): string | undefined {
  return settings && String(settings['index.uuid']);
}

function toOperation(
  { document, finding: { version }, ...made }: StateEntry,
  target: FetchTarget,
): BulkOperation {
  return {
    action: version ? 'index' : 'create',
    target: { ...addressOf(target), ...(version && asCondition(version)) },
    body: besideContent(made, document),
  };
}

function toFinding(text: string, found: JsonObject | undefined): Finding {
  if (!found) return { text };
  return { text, version: versionOf(found), stored: toMark(found['_source']) };
}

function toMark(source: unknown): StoredMark {
  const { encoding, text_digest: textDigest, ...rest } = isObject(source) ? source : {};
  const { source_seq_no: seqNo, source_primary_term: primaryTerm } = rest;
  const mark = { encoding: String(encoding), textDigest: String(textDigest) };
  if (typeof seqNo !== 'number' || typeof primaryTerm !== 'number') return mark;
  return { ...mark, source: { seqNo, primaryTerm } };
}
