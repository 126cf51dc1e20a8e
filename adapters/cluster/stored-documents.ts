/** Small documents that several workers write; every write names the version that it replaces. */

import { bulk } from './bulk.ts';
import type { CallOptions, WriteMark } from './contract.ts';
import { asCondition, fetchDocuments, versionOf } from './fetch.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Cluster } from './patient-calls.ts';

/** A document as it was read. */
export interface StoredDocument {
  /** The document's content. */
  readonly content: JsonObject;
  /** The version that was read. */
  readonly version: WriteMark;
}

/** Documents of one index. Safe to call concurrently. */
export interface StoredDocuments {
  /** Makes the index where it is missing. */
  prepare(options?: CallOptions): Promise<void>;
  /** The documents with these ids, in the order of the ids; `undefined` where there is none. */
  getMany(ids: readonly string[], options?: CallOptions): Promise<readonly (StoredDocument | undefined)[]>;
  /** Removes documents; missing ones are no error. */
  removeMany(ids: readonly string[], options?: CallOptions): Promise<void>;
  /**
   * Writes a document if nobody changed it since it was read; without a version, only if it does not exist yet.
   *
   * @returns The version written; `undefined` when somebody else was first.
   */
  put(
    id: string,
    content: JsonObject,
    replaced: WriteMark | undefined,
    options?: CallOptions,
  ): Promise<WriteMark | undefined>;
}

/** Opens the documents of an index that nobody searches: reading by id alone shows every document as it is now. */
export function storedDocuments(cluster: Cluster, index: string): StoredDocuments {
  const path = `/${encodeURIComponent(index)}`;
  return {
    async prepare(options = {}) {
      const what = `make the index "${index}"`;
      const there = await cluster.ask({ method: 'GET', path }, { what, allowed: [404], ...options });
      if (there.status !== 404) return;
      const settings = { number_of_shards: 1, auto_expand_replicas: '0-1' };
      const body = { settings, mappings: { dynamic: false } };
      await cluster.ask({ method: 'PUT', path, body }, { what, allowed: [400], ...options });
      await cluster.ask({ method: 'GET', path }, { what, ...options });
    },
    async getMany(ids, { signal } = {}) {
      const found = await fetchDocuments(
        cluster,
        ids.map((id) => ({ index, id })),
        { source: ['*'], signal },
      );
      return found.map((document) => {
        const content = document?.['_source'];
        return document && isObject(content) ? { content, version: versionOf(document) } : undefined;
      });
    },
    async removeMany(ids, options = {}) {
      const operations = ids.map((id) => ({ action: 'delete', target: { _index: index, _id: id } }) as const);
      await bulk(cluster, operations, options);
    },
    async put(id, content, replaced, options = {}) {
      const condition = replaced ? asCondition(replaced) : { op_type: 'create' };
      const querystring = Object.fromEntries(
        Object.entries(condition).map(([key, value]) => [key, String(value)]),
      );
      const request = {
        method: 'PUT',
        path: `${path}/_doc/${encodeURIComponent(id)}`,
        querystring,
        body: content,
      } as const;
      const answer = await cluster.ask(request, { what: `write to "${index}"`, allowed: [409], ...options });
      return answer.status === 409 ? undefined : versionOf(answer.body);
    },
  };
}
