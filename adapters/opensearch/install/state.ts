/**
 * Reads what an OpenSearch cluster has already: version, plugins, settings, and the things that an earlier run made.
 */
import { type Mark, readMark, type ServerCalls, type ServerRequest } from '../../install/index.ts';
import { type Ask, asker } from './ask.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import { type IndexState, readDefaults, readIndex } from './indices.ts';
import { checkPlugins, isAtLeast, readVersion } from './requirements.ts';

/** A connector, model or group of ML Commons. */
export interface FoundEntry {
  /** Its id. */
  readonly id: string;
  /** The document that the server keeps of it. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Our mark; absent when somebody else made it. */
  readonly mark: Mark | undefined;
}

/** A search pipeline as the server keeps it. */
export type Pipeline = Readonly<Record<string, unknown>>;

/** What an OpenSearch cluster has already. */
export interface OpenSearchState {
  /** The server's version. */
  readonly version: string;
  /** Whether the server has `oversample` and `truncate_hits`. */
  readonly canWiden: boolean;
  /** Settings of the cluster. */
  readonly settings: ClusterSettings;
  /** Connectors with the installation's name. */
  readonly connectors: readonly FoundEntry[];
  /** Connectors of other names, by any author. */
  readonly otherConnectors: readonly FoundEntry[];
  /** Models with the installation's name. */
  readonly models: readonly FoundEntry[];
  /** Model groups with the installation's name. */
  readonly groups: readonly FoundEntry[];
  /** Every search pipeline, by name. */
  readonly pipelines: Readonly<Record<string, Pipeline>>;
  /** The default pipeline of every index that has one, by index. */
  readonly defaults: Readonly<Record<string, string>>;
  /** The index that the caller named; absent when none was. */
  readonly index?: IndexState;
}

/**
 * Reads everything that a plan needs; changes nothing.
 *
 * @throws ConfigurationError when the server is no OpenSearch, is too old, or lacks a plugin.
 * @throws FirstStageError when the server refuses or does not answer.
 */
export async function readOpenSearchState(
  calls: ServerCalls,
  name: string,
  options: ReadOptions = {},
): Promise<OpenSearchState> {
  const get = asker(calls, options.signal);
  const version = await readVersion(get);
  await checkPlugins(get);
  const [settings, canWiden, connectors, everyConnector, models, groups, pipelines, defaults] =
    await Promise.all([
      readSettings(get),
      readCanWiden(get, version),
      readEntries(get, 'connectors', { term: { 'name.keyword': name } }),
      readEntries(get, 'connectors', { match_all: {} }),
      readModels(get, name),
      readEntries(get, 'model_groups', { term: { 'name.keyword': name } }),
      get({ method: 'GET', path: '/_search/pipeline' }, 'read the search pipelines', [404]),
      readDefaults(get),
    ]);
  const index =
    options.index === undefined ? undefined : await readIndex(get, options.index, options.fields ?? []);
  return {
    version,
    canWiden,
    settings,
    connectors: named(connectors, name),
    otherConnectors: everyConnector.filter(({ source }) => source['name'] !== name),
    models,
    groups: named(groups, name),
    pipelines: (pipelines ?? {}) as Readonly<Record<string, Pipeline>>,
    defaults,
    ...(index && { index }),
  };
}

/** What {@link readOpenSearchState} reads beside the installation. */
export interface ReadOptions {
  /** An index, alias or pattern. @defaultValue none */
  readonly index?: string | undefined;
  /** Fields that the index should have. @defaultValue none */
  readonly fields?: readonly string[] | undefined;
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined;
}

async function readSettings(get: Ask): Promise<ClusterSettings> {
  const querystring = { include_defaults: 'true', flat_settings: 'true' };
  const answer = (await get(
    { method: 'GET', path: '/_cluster/settings', querystring },
    'read the cluster settings',
    // Managed services do not show their cluster settings.
    [401, 403],
  )) as
    | Readonly<Record<'defaults' | 'persistent' | 'transient', Readonly<Record<string, unknown>> | undefined>>
    | undefined;
  const { defaults, persistent, transient } = answer ?? {};
  return {
    effective: { ...defaults, ...persistent, ...transient },
    transient: Object.keys(transient ?? {}),
  };
}

async function readCanWiden(get: Ask, version: string): Promise<boolean> {
  const path = '/_nodes/search_pipelines';
  const answer = (await get({ method: 'GET', path }, 'list the processors', [400, 401, 403, 404])) as
    | { nodes?: Readonly<Record<string, NodeProcessors>> }
    | undefined;
  const nodes = Object.values(answer?.nodes ?? {});
  if (nodes.length === 0) return isAtLeast(version, [2, 12]);
  return nodes.every(({ search_pipelines: found = {} }) => {
    const has = (kind: string, type: string): boolean =>
      found[kind]?.some((one) => one.type === type) ?? false;
    return has('request_processors', 'oversample') && has('response_processors', 'truncate_hits');
  });
}

interface NodeProcessors {
  readonly search_pipelines?: Readonly<Record<string, readonly { readonly type: string }[]>>;
}

/** The most entries of one kind that are read. */
const maxEntries = 1000;

async function readEntries(get: Ask, kind: string, query: object): Promise<FoundEntry[]> {
  const body = { query, size: maxEntries };
  const path = `/_plugins/_ml/${kind}/_search`;
  const answer = (await get({ method: 'POST', path, body }, `look for ${kind.replace('_', ' ')}`, [404])) as
    | { hits?: { hits?: readonly { _id: string; _source: Readonly<Record<string, unknown>> }[] } }
    | undefined;
  const hits = answer?.hits?.hits ?? [];
  return hits.map(({ _id, _source }) => ({
    id: _id,
    source: _source,
    mark: readMark(_source['description']),
  }));
}

function named(entries: readonly FoundEntry[], name: string): FoundEntry[] {
  return entries.filter(({ source }) => source['name'] === name);
}

/** A search lags a second behind the writes; asking for a model by its id does not. */
async function readModels(get: Ask, name: string): Promise<FoundEntry[]> {
  const found = named(await readEntries(get, 'models', { term: { 'name.keyword': name } }), name);
  const fresh = found.map(async (entry) => {
    const request: ServerRequest = { method: 'GET', path: `/_plugins/_ml/models/${entry.id}` };
    const source = (await get(request, `read model "${entry.id}"`, [404])) as
      | FoundEntry['source']
      | undefined;
    return source ? [{ ...entry, source: { ...entry.source, ...source } }] : [];
  });
  return (await Promise.all(fresh)).flat();
}
