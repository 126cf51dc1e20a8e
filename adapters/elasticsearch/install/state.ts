/** Reads the state of an Elasticsearch cluster: version, licence, and the endpoint with the wanted id. */
import { ConfigurationError } from '../../../engine/index.ts';
import { accepted, type ServerAnswer, type ServerCalls, saidBy } from '../../install/index.ts';
import { pathOf, trialId } from './options.ts';

/** An inference endpoint as the server shows it: without its secrets. */
export interface FoundEndpoint {
  /** The service of Elasticsearch that calls ours. */
  readonly service: string;
  /** The endpoint's task, e.g. `rerank`. */
  readonly taskType: string;
  /** Its settings. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What an Elasticsearch cluster has already. */
export interface ElasticsearchState {
  /** The server's version. */
  readonly version: string;
  /** The licence; absent where the server has none to show. */
  readonly licence?: Licence;
  /** The endpoint with the wanted id; absent when there is none. */
  readonly endpoint?: FoundEndpoint;
  /** The trial endpoint; present only when an interrupted run left it, or somebody else made it. */
  readonly trial?: FoundEndpoint;
}

/** A licence as the server shows it. */
export interface Licence {
  /** E.g. `basic`, `trial`, `enterprise`. */
  readonly type: string;
  /** E.g. `active`, `expired`. */
  readonly status: string;
}

interface ReadContext {
  readonly calls: ServerCalls;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads everything that a plan needs; changes nothing.
 *
 * @throws ConfigurationError when the server is no Elasticsearch, is too old, or has no inference.
 * @throws FirstStageError when the server refuses or does not answer.
 */
export async function readElasticsearchState(
  calls: ServerCalls,
  name: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ElasticsearchState> {
  const context = { calls, signal: options.signal };
  const version = await readVersion(context);
  checkVersion(version);
  const licence = await readLicence(context);
  const endpoint = await readEndpoint(context, name, licence);
  const trial = await readEndpoint(context, trialId(name), licence);
  return {
    version,
    ...(licence && { licence }),
    ...(endpoint && { endpoint }),
    ...(trial && { trial }),
  };
}

async function readVersion({ calls, signal }: ReadContext): Promise<string> {
  const root = await calls.request({ method: 'GET', path: '/' }, { signal });
  const what = "ask for the server's version";
  // A distribution without the root path's module still tells its version under `_nodes`.
  accepted(root, { server: calls.server, what, allowed: [400, 405] });
  const { version } = (root.body ?? {}) as { version?: { number?: unknown; distribution?: unknown } };
  if (version?.distribution === 'opensearch') {
    throw cannot('', 'expected an Elasticsearch, found OpenSearch: take "blockrank install opensearch"');
  }
  if (root.status < 400 && typeof version?.number === 'string') return version.number;
  const querystring = { filter_path: 'nodes.*.version' };
  const answer = await calls.request({ method: 'GET', path: '/_nodes', querystring }, { signal });
  accepted(answer, { server: calls.server, what });
  const { nodes = {} } = answer.body as { nodes?: Readonly<Record<string, { version?: string }>> };
  const found = Object.values(nodes)[0]?.version;
  if (found === undefined)
    throw cannot('', 'expected an Elasticsearch, found a server that tells no version');
  return found;
}

/** The `custom` and `hugging_face` services rerank since 8.19 and 9.1. */
function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > 9 || (major === 9 && minor >= 1) || (major === 8 && minor >= 19);
  if (isEnough) return;
  throw cannot(
    'version',
    `Elasticsearch ${version} cannot ask a reranking service of yours: that came with 8.19 and 9.1. Take "blockrank proxy", or rerank inside the client (withElasticsearchReranking)`,
  );
}

async function readLicence({ calls, signal }: ReadContext): Promise<Licence | undefined> {
  const answer = await calls.request({ method: 'GET', path: '/_license' }, { signal });
  // Serverless has no licences, and some users may not read them.
  accepted(answer, { server: calls.server, what: 'read the licence', allowed: [400, 403, 404, 405, 410] });
  const { license } = (answer.body ?? {}) as { license?: Partial<Licence> };
  const { type, status } = license ?? {};
  return typeof type === 'string' ? { type, status: status ?? 'unknown' } : undefined;
}

async function readEndpoint(
  { calls, signal }: ReadContext,
  name: string,
  licence: Licence | undefined,
): Promise<FoundEndpoint | undefined> {
  const answer = await calls.request({ method: 'GET', path: pathOf(name) }, { signal });
  if (answer.status === 404) return undefined;
  if (hasNoHandler(answer)) {
    const licenced = licence ? ` It has a ${licence.type} licence.` : '';
    throw cannot(
      '_inference',
      `this server has no inference API ("${saidBy(answer)}"): it runs without the module "x-pack-inference", which Elastic's own packages have.${licenced} Take one of those, or rerank with "blockrank proxy" or inside the client (withElasticsearchReranking)`,
    );
  }
  accepted(answer, { server: calls.server, what: `read the inference endpoint "${name}"` });
  const { endpoints = [] } = answer.body as {
    endpoints?: readonly {
      service: string;
      task_type: string;
      service_settings?: FoundEndpoint['settings'];
    }[];
  };
  const [found] = endpoints;
  return (
    found && { service: found.service, taskType: found.task_type, settings: found.service_settings ?? {} }
  );
}

function hasNoHandler(answer: ServerAnswer): boolean {
  return answer.status >= 400 && /no handler found for uri/.test(saidBy(answer));
}

function cannot(path: string, message: string): ConfigurationError {
  return new ConfigurationError('Cannot install in this server', [{ path, message }]);
}
