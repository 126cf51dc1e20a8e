/** Fetches many documents by id, as they are now: writes that no refresh has made visible are included. */
import { FirstStageError } from '../../engine/index.ts';
import { errorType } from './bulk.ts';
import type { CallOptions, WriteMark } from './contract.ts';
import { isObject, type JsonObject, toList } from './json.ts';
import type { Cluster } from './patient-calls.ts';

/** Address of a document to fetch. */
export interface FetchTarget {
  /** Its index. */
  readonly index: string;
  /** Its id. */
  readonly id: string;
  /** Its routing, where it has one. */
  readonly routing?: string | undefined;
}

/** Options of {@link fetchDocuments}. */
export interface FetchOptions extends CallOptions {
  /** Parts of `_source` to fetch; an empty list fetches none of it. */
  readonly source: readonly string[];
}

/**
 * The documents in the order of the targets; `undefined` for a document that does not exist, or whose index does not.
 */
export async function fetchDocuments(
  cluster: Cluster,
  targets: readonly FetchTarget[],
  { source, signal }: FetchOptions,
): Promise<readonly (JsonObject | undefined)[]> {
  if (targets.length === 0) return [];
  const docs = targets.map((target) => ({
    ...addressOf(target),
    _source: source.length > 0 && source,
  }));
  const request = { method: 'POST', path: '/_mget', body: { docs } } as const;
  return cluster.patience(async () => {
    const { body } = await cluster.askOnce(request, { what: 'fetch documents', signal });
    const found = toList(body['docs']);
    return targets.map((target, i) => toFound(cluster, target, found[i]));
  }, signal);
}

function toFound(cluster: Cluster, target: FetchTarget, document: unknown): JsonObject | undefined {
  if (!isObject(document)) throw unreadable(cluster, target, 'it is missing in the answer');
  if (document['found'] === true) return document;
  if (document['found'] === false || errorType(document) === 'index_not_found_exception') return undefined;
  throw unreadable(cluster, target, errorType(document) || 'without a reason');
}

/** A document's address, as both servers' bulk and multi-get requests have it. */
export function addressOf({ index, id, routing }: FetchTarget): JsonObject {
  return { _index: index, _id: id, ...(routing !== undefined && { routing }) };
}

/** The version of a fetched document. */
export function versionOf(document: JsonObject): WriteMark {
  return { seqNo: Number(document['_seq_no']), primaryTerm: Number(document['_primary_term']) };
}

/** A version as the condition of a write. */
export function asCondition({ seqNo, primaryTerm }: WriteMark): JsonObject {
  return { if_seq_no: seqNo, if_primary_term: primaryTerm };
}

/**
 * A shard that was just made, or is moving, is away for a while: the fetch asks again, as it does when a server is
 * away.
 */
const awayStatus = 503;

function unreadable(cluster: Cluster, { index, id }: FetchTarget, fault: string): FirstStageError {
  return new FirstStageError(
    `Cannot fetch document "${id}" of "${index}": ${fault}. Look at the state of its shard.`,
    { adapter: cluster.server, statusCode: awayStatus },
  );
}
