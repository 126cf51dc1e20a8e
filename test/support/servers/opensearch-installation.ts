/** Helpers around an installation in a real OpenSearch: plain requests, a few documents, installing and removing. */
import { Client } from '@opensearch-project/opensearch';
import {
  type OpenSearchInstallOptions,
  openSearchAdvice,
  openSearchInstallSettings,
  planOpenSearchInstall,
  planOpenSearchUninstall,
  readOpenSearchState,
} from '../../../adapters/opensearch/index.ts';
import {
  type InstallPlan,
  runPlan,
  type ServerCalls,
  serverCalls,
  type TransportOwner,
} from '../../../adapters/server.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

export interface Answered {
  readonly status: number;
  readonly body: Json;
}

/** A real OpenSearch, asked in plain requests. */
export interface Cluster {
  readonly url: string;
  readonly calls: ServerCalls;
  ask(method: string, path: string, body?: object | string): Promise<Answered>;
  /** Installs, with defaults for missing options, and gives the plan that was run. */
  install(options: Partial<OpenSearchInstallOptions> & { readonly serviceUrl: string }): Promise<InstallPlan>;
  /** Gives the plan without running it. */
  plan(options: Partial<OpenSearchInstallOptions> & { readonly serviceUrl: string }): Promise<InstallPlan>;
  /** Removes the installation. @returns Notes on things that the server would not delete. */
  uninstall(name: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export const animals: readonly (readonly [string, string])[] = [
  ['Cats', 'Cats are small animals'],
  ['Dogs', 'Dogs are animals that bark'],
  ['Birds', 'Birds are flying animals animals'],
  ['Fish', 'Fish are swimming animals of water and sea and rivers'],
];

export function openCluster(url: string): Cluster {
  const client = new Client({ node: url });
  const calls = serverCalls(client as unknown as TransportOwner, 'opensearch');
  const ask: Cluster['ask'] = async (method, path, body) => {
    const isLines = path.includes('_bulk') || path.includes('_msearch');
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': isLines ? 'application/x-ndjson' : 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const plan: Cluster['plan'] = async (options) => {
    const settings = openSearchInstallSettings({ version: '0.0.0-test', fields: ['body'], ...options });
    const index = settings.defaultPipelineIndex ?? 'animals';
    const state = await readOpenSearchState(calls, settings.name, { index, fields: settings.fields });
    return planOpenSearchInstall(state, settings);
  };
  return {
    url,
    calls,
    ask,
    plan,
    async install(options) {
      const wanted = await plan(options);
      if (wanted.blockers.length > 0) throw new Error(JSON.stringify(wanted.blockers));
      await runPlan(wanted, { calls, advice: openSearchAdvice });
      return wanted;
    },
    async uninstall(name) {
      const state = await readOpenSearchState(calls, name);
      return runPlan(planOpenSearchUninstall(state, { name, isForced: true }), { calls });
    },
    close: () => client.close(),
  };
}

/** Four documents in one shard, so that scores depend on nothing else. */
export async function indexAnimals({ ask }: Cluster, index = 'animals'): Promise<void> {
  await ask('PUT', `/${index}`, { settings: { number_of_shards: 1, number_of_replicas: 0 } });
  const lines = animals.map(([title, body], i) => {
    return `{"index":{"_id":"${i + 1}"}}\n${JSON.stringify({ title, body, n: i, sub: { f: `part ${i}` }, list: ['x', `y${i}`] })}\n`;
  });
  await ask('POST', `/${index}/_bulk?refresh=true`, lines.join(''));
}

export const ext = (text: string): object => ({ ext: { rerank: { query_context: { query_text: text } } } });

/** Ids of the hits, best first. */
export const idsOf = ({ body }: Answered): string[] => body.hits.hits.map(({ _id }: { _id: string }) => _id);
