/** States in the documents themselves: they come with the hits of a search. */
import { isObject, type JsonObject } from '../search-body/json.ts';
import { bulk } from './bulk.ts';
import type { Cluster } from './cluster.ts';
import type { CallOptions, Place, StateStore, StoredMark } from './contract.ts';
import { asCondition, fetchDocuments, versionOf } from './fetch.ts';
import type { ReadText } from './read-text.ts';

/** What a {@link fieldStore} is over. */
export interface FieldOptions {
  /** The object that holds the state. */
  readonly field: string;
  /** Makes the text of a document. */
  readonly text: ReadText;
}

const stateMapping = {
  properties: {
    state: { type: 'binary', doc_values: false },
    encoding: { type: 'keyword' },
    text_digest: { type: 'keyword', index: false, doc_values: false },
  },
};

/**
 * States as one object field. A document is fetched as it is now, and updated only if nobody changed it since: the
 * update names the version that was fetched, and adds nothing but the state.
 */
export function fieldStore(cluster: Cluster, { field, text }: FieldOptions): StateStore {
  const source = [...text.fields, `${field}.encoding`, `${field}.text_digest`];
  return {
    scanned: [],
    async prepare(indices, options = {}) {
      for (const { name } of indices) {
        const path = `/${encodeURIComponent(name)}/_mapping`;
        const body = { properties: { [field]: stateMapping } };
        await cluster.ask({ method: 'PUT', path, body }, { what: `map "${field}" in "${name}"`, ...options });
      }
      return indices;
    },
    async look(documents, { signal } = {}) {
      const found = await fetchDocuments(cluster, documents, { source, signal });
      return found.map(
        (hit): Place | undefined =>
          hit && { text: text.of(hit), version: versionOf(hit), stored: storedIn(hit, field) },
      );
    },
    operation: ({ document: { index, id, routing }, place, encoding, textDigest, bytes }) => ({
      action: 'update',
      target: {
        _index: index,
        _id: id,
        ...(routing !== undefined && { routing }),
        ...(place.version && asCondition(place.version)),
      },
      body: {
        doc: {
          [field]: {
            state: Buffer.from(bytes).toString('base64'),
            encoding,
            text_digest: textDigest,
          },
        },
      },
    }),
    async drop(indices, options = {}) {
      const removed: string[] = [];
      for (const { name } of indices) {
        const count = await takeAway(cluster, { index: name, field }, options);
        if (count > 0) removed.push(`field "${field}" of ${count} documents of "${name}"`);
      }
      return removed;
    },
  };
}

/** How many documents are changed at once. */
const dropPage = 200;

/** Sets the field to nothing; a script could remove it whole, but not every server runs scripts. */
async function takeAway(
  cluster: Cluster,
  { index, field }: { readonly index: string; readonly field: string },
  options: CallOptions,
): Promise<number> {
  const path = `/${encodeURIComponent(index)}`;
  const asked = { what: `take "${field}" away from "${index}"`, ...options };
  for (let count = 0; ; ) {
    await cluster.ask({ method: 'POST', path: `${path}/_refresh` }, { ...asked, allowed: [403] });
    const search = {
      size: dropPage,
      _source: false,
      query: { exists: { field: `${field}.encoding` } },
      sort: ['_doc'],
    };
    const { body } = await cluster.ask({ method: 'POST', path: `${path}/_search`, body: search }, asked);
    const hits = isObject(body['hits']) && Array.isArray(body['hits']['hits']) ? body['hits']['hits'] : [];
    if (hits.length === 0) return count;
    const outcomes = await bulk(
      cluster,
      hits.filter(isObject).map(({ _index, _id, _routing }) => ({
        action: 'update',
        target: { _index, _id, ...(_routing !== undefined && { routing: _routing }), retry_on_conflict: 3 },
        body: { doc: { [field]: null } },
      })),
      options,
    );
    const written = outcomes.filter((outcome) => outcome === 'written').length;
    if (written === 0) return count;
    count += written;
  }
}

function storedIn({ _source: source }: JsonObject, field: string): StoredMark | undefined {
  const state = isObject(source) ? source[field] : undefined;
  if (!isObject(state) || typeof state['encoding'] !== 'string') return undefined;
  return { encoding: state['encoding'], textDigest: String(state['text_digest']) };
}
