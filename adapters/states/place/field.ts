/** Stores states in the documents themselves: they come with the hits of a search. */
import { ConfigurationError } from '../../../engine/index.ts';
import { bulk } from '../../cluster/bulk.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { addressOf, asCondition, fetchDocuments, versionOf } from '../../cluster/fetch.ts';
import { isObject, type JsonObject, valueAt } from '../../cluster/json.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import type { Finding, StateStore, StoredMark } from './contract.ts';
import { fieldContent } from './made-state.ts';
import type { ReadText } from './read-text.ts';
import { assertTakesVectors, mappedWidth, vectorMapping } from './vector.ts';

/** Options of {@link fieldStore}. */
export interface FieldOptions {
  /** The object that holds the state. */
  readonly field: string;
  /** Makes the text of a document. */
  readonly text: ReadText;
  /** Gives the number of values of a vector; absent where states have no vector. */
  readonly vectorWidth?: (() => Promise<number>) | undefined;
  /** See `StateForm.keepsLength`. */
  readonly keepsLength?: boolean | undefined;
}

const stateProperties = {
  state: { type: 'binary', doc_values: false },
  encoding: { type: 'keyword' },
  text_digest: { type: 'keyword', index: false, doc_values: false },
};

/**
 * A store of states as one object field. The store fetches a document as it is now, and updates it only if nobody
 * changed it since: the update names the fetched version, and adds nothing but the state.
 */
export function fieldStore(cluster: Cluster, options: FieldOptions): StateStore {
  const { field, text } = options;
  const hasVector = options.vectorWidth !== undefined;
  const marks = ['encoding', 'text_digest', ...(hasVector ? ['vector_digest'] : [])];
  const source = [...text.fields, ...marks.map((mark) => `${field}.${mark}`)];
  const mapped = new Set<string>();
  return {
    scanned: [],
    async prepare(indices, { signal } = {}) {
      for (const { name, identity } of indices) {
        if (!mapped.has(identity)) await mapField(cluster, name, { ...options, signal });
        mapped.add(identity);
      }
      return indices;
    },
    async look(documents, { signal } = {}) {
      const found = await fetchDocuments(cluster, documents, { source, signal });
      return found.map(
        (hit): Finding | undefined =>
          hit && {
            text: text.of(hit),
            version: versionOf(hit),
            stored: storedIn(hit, field, { hasVector }),
          },
      );
    },
    operation: ({ document, finding, ...made }) => ({
      action: 'update',
      target: { ...addressOf(document), ...(finding.version && asCondition(finding.version)) },
      body: { doc: { [field]: fieldContent(made, { hasVector }) } },
    }),
    async drop(indices, dropOptions = {}) {
      const removed: string[] = [];
      for (const index of indices) {
        const count = await takeAway(cluster, { index, field }, dropOptions);
        if (count > 0) removed.push(`field "${field}" of ${count} documents of "${index}"`);
      }
      return removed;
    },
  };
}

/** Adds the missing fields to the mapping; leaves a complete mapping alone. */
async function mapField(
  cluster: Cluster,
  index: string,
  { field, vectorWidth, keepsLength, signal }: FieldOptions & CallOptions,
): Promise<void> {
  const path = `/${encodeURIComponent(index)}/_mapping`;
  const what = `map "${field}" in "${index}"`;
  const { body } = await cluster.ask({ method: 'GET', path }, { what, signal });
  const there = propertiesAt(body, [index, 'mappings', 'properties', field, 'properties']);
  const width = await vectorWidth?.();
  const vector = width === undefined ? undefined : vectorMapping(cluster.server, width, keepsLength);
  assertSameVectors(there['vector'], vector, `Cannot keep states in "${field}" of "${index}"`);
  if (width !== undefined && !there['vector']) await assertTakesVectors(cluster, index, { signal });
  const properties = {
    ...stateProperties,
    ...(vector && { vector, vector_digest: stateProperties.text_digest }),
  };
  if (Object.keys(properties).every((name) => name in there)) return;
  const mapping = { properties: { [field]: { properties } } };
  await cluster.ask({ method: 'PUT', path, body: mapping }, { what, signal });
}

/**
 * Throws unless the mapping's vectors have the wanted width and similarity, or both have none: searches would find vectors
 * that no build keeps up to date by texts of long ago.
 */
function assertSameVectors(there: unknown, wanted: JsonObject | undefined, what: string): void {
  if (!isObject(there)) return;
  const [found, ours] = [vectorText(there), wanted && vectorText(wanted)];
  if (found === ours) return;
  throw new ConfigurationError(what, [
    {
      path: 'place.field',
      message: `it has ${found}, and these are ${ours ?? 'states without vectors'}: give another field, or the model and the option vector that it was made with`,
    },
  ]);
}

/** Vectors of a mapping in words; the similarity is told where it is the one for lengths of their own. */
function vectorText(mapping: JsonObject): string {
  const text = `vectors of ${mappedWidth(mapping)} values`;
  return mapping['similarity'] === 'max_inner_product' ? `${text} with lengths of their own` : text;
}

function propertiesAt(value: unknown, path: readonly string[]): JsonObject {
  const found = valueAt(value, path);
  return isObject(found) ? found : {};
}

/** How many documents one call of the removal changes. */
const dropPage = 200;

/** Sets the field to `null`; a script could remove it wholly, but not every server runs scripts. */
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

function storedIn(
  { _source: source }: JsonObject,
  field: string,
  { hasVector }: { readonly hasVector: boolean },
): StoredMark | undefined {
  const state = isObject(source) ? source[field] : undefined;
  if (!isObject(state) || typeof state['encoding'] !== 'string') return undefined;
  // A state that was stored without its vector does not count as stored.
  if (hasVector && state['vector_digest'] !== state['text_digest']) return undefined;
  return { encoding: state['encoding'], textDigest: String(state['text_digest']) };
}
