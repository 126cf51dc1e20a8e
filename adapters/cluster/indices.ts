/** Which indices a name stands for, and how much they hold. */

import type { CallOptions, ConcreteIndex } from './contract.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Cluster } from './patient-calls.ts';

/** Options of {@link concreteIndices}. */
export interface IndicesOptions extends CallOptions {
  /** Whether a missing name stands for no index, instead of being an error. @defaultValue false */
  readonly isOptional?: boolean | undefined;
}

/**
 * The open indices behind a name, alias, data stream or pattern. @throws FirstStageError when a name stands for
 * nothing.
 */
export async function concreteIndices(
  cluster: Cluster,
  index: string,
  { isOptional = false, signal }: IndicesOptions = {},
): Promise<readonly ConcreteIndex[]> {
  const settings = await indexSettings(cluster, [index], { isOptional, signal });
  return [...settings].flatMap(([name, found]) => {
    if (found['index.verified_before_close'] === 'true') return [];
    const replicas = found['index.number_of_replicas'];
    return [
      {
        name,
        identity: String(found['index.uuid']),
        shards: Number(found['index.number_of_shards']),
        replicas: typeof replicas === 'string' ? replicas : undefined,
      },
    ];
  });
}

/** The flat settings of every open index behind the names, by name of the index. */
export async function indexSettings(
  cluster: Cluster,
  names: readonly string[],
  { isOptional = false, signal }: IndicesOptions = {},
): Promise<ReadonlyMap<string, JsonObject>> {
  const found = new Map<string, JsonObject>();
  for (const path of toPaths(names)) {
    const request = {
      method: 'GET',
      path: `${path}/_settings`,
      querystring: {
        flat_settings: 'true',
        expand_wildcards: 'open',
        ...(isOptional && { ignore_unavailable: 'true' }),
      },
    } as const;
    const what = `read the settings of "${names.join(',')}"`;
    const answer = await cluster.ask(request, { what, allowed: isOptional ? [404] : [], signal });
    if (answer.status === 404) continue;
    for (const [name, entry] of Object.entries(answer.body)) {
      if (isObject(entry) && isObject(entry['settings'])) found.set(name, entry['settings']);
    }
  }
  return found;
}

/** Number of documents in the indices, as a search sees them. */
export async function countDocuments(
  cluster: Cluster,
  names: readonly string[],
  options: CallOptions = {},
): Promise<number> {
  let sum = 0;
  for (const path of toPaths(names)) {
    const request = { method: 'POST', path: `${path}/_count`, body: {} } as const;
    const { body } = await cluster.ask(request, { what: 'count documents', allowed: [404], ...options });
    sum += Number(body['count'] ?? 0);
  }
  return sum;
}

/** Most characters of names in one address: servers refuse addresses of more than 4096. */
const pathCharacters = 2000;

/** The names joined to first parts of paths, each with as many names as an address holds. */
export function toPaths(names: readonly string[]): readonly string[] {
  const paths: string[] = [];
  for (const name of names) {
    const encoded = encodeURIComponent(name);
    const last = paths.at(-1);
    if (last !== undefined && last.length + encoded.length < pathCharacters) {
      paths[paths.length - 1] = `${last},${encoded}`;
    } else paths.push(`/${encoded}`);
  }
  return paths;
}
