/** Documents and their states on a real server, asked in plain requests. */
import { sidecarIndex } from '../../../adapters/server.ts';
import { textDigest } from '../../../engine/text-digest.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

/** A document and its state, in either place. */
export interface StoredPair {
  readonly id: string;
  /** Digest of the document's text, computed by the test. */
  readonly expected: string;
  /** Text digest in its state; `undefined` without a state. */
  readonly stored: string | undefined;
  /** How often the document that holds the state was written. */
  readonly version: number;
  readonly source: Json;
}

export interface StatesCluster {
  readonly url: string;
  ask(method: string, path: string, body?: object | string): Promise<Json>;
  /** Makes an index of documents `first`..`first + documents - 1`. */
  seed(
    index: string,
    options: {
      readonly documents: number;
      readonly first?: number;
      readonly shards?: number;
      readonly settings?: object;
    },
  ): Promise<void>;
  /** Writes other words into a document. */
  change(index: string, id: string, body: string): Promise<void>;
  /** Ids of an index's documents; empty when the index does not exist. */
  ids(index: string): Promise<readonly string[]>;
  /** Every document of a concrete index, with its state in the sidecar. */
  sidecarPairs(index: string, generation: string): Promise<readonly StoredPair[]>;
  /** Every document, with the state in its own field. */
  fieldPairs(index: string, field?: string): Promise<readonly StoredPair[]>;
}

export function statesCluster(url: string): StatesCluster {
  const send = async (
    {
      method,
      path,
      body,
    }: { readonly method: string; readonly path: string; readonly body?: object | string },
    allowed: readonly number[],
  ): Promise<Json> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': path.includes('_bulk') ? 'application/x-ndjson' : 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok && !allowed.includes(response.status))
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  };
  const ask: StatesCluster['ask'] = (method, path, body) =>
    send({ method, path, ...(body !== undefined && { body }) }, [404]);
  const all = async (index: string): Promise<readonly Json[]> => {
    await ask('POST', `/${index}/_refresh`);
    // Elasticsearch answers 503 as long as an index is so new that none of its shards has started.
    const search = { method: 'POST', path: `/${index}/_search`, body: { size: 5000, version: true } };
    const found = await send(search, [404, 503]);
    return found.hits?.hits ?? [];
  };
  return {
    url,
    ask,
    async seed(index, { documents, first = 0, shards = 1, settings: more }) {
      await ask('DELETE', `/${index}`);
      const properties = { title: { type: 'text' }, body: { type: 'text' }, views: { type: 'integer' } };
      const settings = { number_of_shards: shards, number_of_replicas: 0, ...more };
      await ask('PUT', `/${index}`, { settings, mappings: { dynamic: 'strict', properties } });
      const ids = Array.from({ length: documents }, (_, i) => first + i);
      if (ids.length > 0) await ask('POST', `/${index}/_bulk?refresh=true`, linesOf(ids, 'index'));
    },
    async change(index, id, body) {
      await ask('POST', `/${index}/_update/${id}`, { doc: { body } });
    },
    ids: async (index) => (await all(index)).map(({ _id: id }) => id),
    async sidecarPairs(index, generation) {
      const [documents, states] = [await all(index), await all(sidecarIndex(index, generation))];
      const byId = new Map(states.map((state) => [state._id, state]));
      return documents.map(({ _id: id, _source: source }) => ({
        id,
        expected: digestOf(source),
        stored: byId.get(id)?._source.text_digest,
        version: byId.get(id)?._version ?? 0,
        source,
      }));
    },
    async fieldPairs(index, field = 'blockrank_state') {
      return (await all(index)).map(({ _id: id, _source: source, _version: version }) => ({
        id,
        expected: digestOf(source),
        stored: source[field]?.text_digest,
        version,
        source,
      }));
    },
  };
}

/** Lines of a bulk request. */
export function linesOf(ids: readonly number[], action: 'index' | 'create'): string {
  return ids
    .map((i) => {
      const source = { '@timestamp': '2026-01-01T00:00:00Z', ...documentOf(i) };
      const { '@timestamp': _, ...plain } = source;
      const head = { [action]: action === 'index' ? { _id: `d${i}` } : {} };
      return `${JSON.stringify(head)}\n${JSON.stringify(action === 'index' ? plain : source)}\n`;
    })
    .join('');
}

/** A document as {@link StatesCluster.seed} writes it. */
export function documentOf(i: number): {
  readonly title: string;
  readonly body: string;
  readonly views: number;
} {
  return { title: `Title ${i}`, body: `What document ${i} says of cats, dogs and birds`, views: i };
}

/** The text that the model reads, as the adapters make it of the fields title and body. */
function digestOf({ title, body }: { readonly title: string; readonly body: string }): string {
  return textDigest(`${title} ${body}`);
}
