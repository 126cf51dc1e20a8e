/** Checks that documents have text in the model's fields, before a build stores states of empty texts. */
import { ConfigurationError } from '../../../engine/index.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { toPaths } from '../../cluster/indices.ts';
import { isObject, type JsonObject } from '../../cluster/json.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import type { ReadText } from '../place/read-text.ts';

/** Number of documents that the check looks at. */
const sampleSize = 50;

/**
 * Looks at a few documents and, where those have no text, at a few in which the server finds the fields. Indices
 * without documents, and servers that do not answer such a search, pass.
 *
 * @throws ConfigurationError when documents have no text, naming the fields.
 */
export async function assertTexts(
  cluster: Cluster,
  indices: readonly string[],
  text: ReadText,
  options: CallOptions = {},
): Promise<void> {
  const fields = text.fields.map((field) => ({ exists: { field } }));
  const paths = toPaths(indices);
  for (const path of paths) await refresh(cluster, path, options);
  let documents = 0;
  for (const query of [{ match_all: {} }, { bool: { should: fields } }]) {
    for (const path of paths) {
      const hits = await sample(cluster, { path, query, fields: text.fields }, options);
      if (hits.some((hit) => text.of(hit).trim() !== '')) return;
      documents += hits.length;
    }
  }
  if (documents === 0) return;
  const names = text.fields.map((field) => `"${field}"`).join(', ');
  const message = `expected fields that hold text in "_source", and no document that was looked at has any in ${names}: leave boosts ("title^3") and patterns ("tit*") out, and name the field itself in place of an alias or a multi-field`;
  throw new ConfigurationError('Cannot build states', [{ path: 'fields', message }]);
}

/** Makes documents visible that were written a moment ago, where the credentials allow a refresh. */
async function refresh(cluster: Cluster, path: string, options: CallOptions): Promise<void> {
  const request = { method: 'POST', path: `${path}/_refresh` } as const;
  await cluster.ask(request, { what: 'look for texts', allowed: [403, 404], ...options });
}

interface Sample {
  readonly path: string;
  readonly query: JsonObject;
  readonly fields: readonly string[];
}

async function sample(
  cluster: Cluster,
  { path, query, fields }: Sample,
  options: CallOptions,
): Promise<readonly JsonObject[]> {
  const body = { size: sampleSize, query, _source: fields, track_total_hits: false };
  const request = { method: 'POST', path: `${path}/_search`, body } as const;
  const what = 'look for texts';
  const { body: answer } = await cluster.ask(request, { what, allowed: [400, 403, 404], ...options });
  const list = isObject(answer['hits']) ? answer['hits']['hits'] : [];
  return Array.isArray(list) ? list.filter(isObject) : [];
}
