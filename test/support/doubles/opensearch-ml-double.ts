/**
 * OpenSearch with ML Commons and neural-search, in the parts that an installation uses: the double keeps connectors,
 * models, pipelines and settings, is as strict as the original, and answers in the original's recorded words. A test
 * decides what models answer; searches are in `opensearch-search-double.ts`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { verifyAwsSignature } from '../checks/aws-signature.ts';
import type { Certificates } from '../tiny/certificates.ts';
import { type AskedModel, type PipelineCounts, searched, statisticsOf } from './opensearch-search-double.ts';
import { Refusal } from './refusal.ts';
import type { AwsAccount } from './strict-server.ts';

export interface MlDoubleOptions {
  /** @defaultValue '3.6.0' */
  readonly version?: string;
  /** @defaultValue those that reranking needs */
  readonly plugins?: readonly string[];
  /** Cluster settings over the defaults; `undefined` hides a setting. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings that are set as `transient`. */
  readonly transient?: Readonly<Record<string, unknown>>;
  /** Whether the settings may not be read, as in managed services. @defaultValue false */
  readonly hidesSettings?: boolean;
  /** Processors that the nodes name; `undefined`: the endpoint does not exist. */
  readonly processors?: readonly string[] | undefined;
  /** Processors of a second node. @defaultValue there is none */
  readonly processorsOfSecondNode?: readonly string[];
  /** Documents of the index `docs`. @defaultValue 0 */
  readonly documents?: number;
  /** State of a model after deployment. @defaultValue 'DEPLOYED' */
  readonly deployedState?: string;
  /** State of a registration's task at its end. @defaultValue 'COMPLETED' */
  readonly taskState?: string;
  /** Whether connectors cannot be deleted, because their ids look like others'. @defaultValue false */
  readonly mistakesConnectors?: boolean;
  /** How often the double refuses to delete a model although it was undeployed. @defaultValue 0 */
  readonly lagsBehindUndeploying?: number;
  /** The only accepted `Authorization`. */
  readonly authorization?: string;
  readonly aws?: AwsAccount;
  readonly certificates?: Certificates;
  readonly wantsClientCertificate?: boolean;
}

type Json = Record<string, unknown>;

/** One score for each document, or the cluster's refusal. */
export type ModelAnswer = readonly number[] | { readonly status: number; readonly reason: string };

export interface MlDouble {
  readonly url: string;
  readonly connectors: Map<string, Json>;
  readonly models: Map<string, Json>;
  readonly groups: Map<string, Json>;
  readonly pipelines: Map<string, Json>;
  readonly persistent: Json;
  /** Default pipelines, by index. The index `docs` exists, with the fields `title` and `body`. */
  readonly defaults: Map<string, string | undefined>;
  /** Calls that change something, in order. */
  readonly writes: string[];
  /** Questions to models, directly and by pipelines, in order. */
  readonly asked: AskedModel[];
  /** The nodes' counts of each pipeline's rerank processor. */
  readonly counts: Map<string, PipelineCounts>;
  /** Sets the answers of models from now on; at first a later document scores better. */
  answerBy(answer: (asked: AskedModel) => ModelAnswer): void;
  /** Asks a model. @throws Refusal when the model does not answer, or does not exist. */
  ask(asked: AskedModel): readonly number[];
  close(): Promise<void>;
}

export const mlPlugins: readonly string[] = [
  'opensearch-job-scheduler',
  'opensearch-knn',
  'opensearch-ml',
  'opensearch-neural-search',
];
export const trustedSetting = 'plugins.ml_commons.trusted_connector_endpoints_regex';
export const privateSetting = 'plugins.ml_commons.connector.private_ip_enabled';
const defaultSettings: Json = {
  [trustedSetting]: ['^https://api\\.openai\\.com/.*$', '^https://api\\.cohere\\.ai/.*$'],
  [privateSetting]: 'false',
  'plugins.ml_commons.remote_inference.enabled': 'true',
  'plugins.ml_commons.only_run_on_ml_node': 'true',
  'plugins.ml_commons.model_access_control_enabled': 'false',
  'plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model': ['data', 'ml'],
};

export async function startMlDouble(options: MlDoubleOptions = {}): Promise<MlDouble> {
  let answerOf = ({ documents }: AskedModel): ModelAnswer => documents.map((_text, i) => 0.25 + i / 2);
  const double: MlDouble = {
    url: '',
    connectors: new Map(),
    models: new Map(),
    groups: new Map(),
    pipelines: new Map(),
    persistent: {},
    defaults: new Map([['docs', undefined]]),
    writes: [],
    asked: [],
    counts: new Map(),
    answerBy(next) {
      answerOf = next;
    },
    ask(asked) {
      model(asked.modelId, double);
      double.asked.push(asked);
      const answer = answerOf(asked);
      if ('reason' in answer) throw new Refusal(answer.status, 'status_exception', answer.reason);
      return answer;
    },
    close: async () => undefined,
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { searchParams: parameters } = new URL(request.url ?? '/', 'http://server');
      answer(request, Buffer.concat(parts), response, { options, double, parameters });
    });
  };
  const { certificates, wantsClientCertificate = false } = options;
  const tls = { requestCert: wantsClientCertificate, rejectUnauthorized: wantsClientCertificate };
  const server = certificates
    ? createHttpsServer({ ...certificates.server, ca: certificates.ca.cert, ...tls }, serve)
    : createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(double, {
    url: `${certificates ? 'https' : 'http'}://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  });
}

interface Context {
  readonly options: MlDoubleOptions;
  readonly double: MlDouble;
  /** Parameters of the address. */
  readonly parameters: URLSearchParams;
}

function answer(request: IncomingMessage, raw: Buffer, response: ServerResponse, context: Context): void {
  let status = 200;
  let body: unknown;
  try {
    checkWhoAsks(request, raw, context.options);
    body = handle(request, raw.length === 0 ? {} : JSON.parse(raw.toString()), context);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    status = error.status;
    const { type, message: reason } = error;
    body = { error: { root_cause: [{ type, reason }], type, reason }, status };
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function checkWhoAsks(request: IncomingMessage, raw: Buffer, { authorization, aws }: MlDoubleOptions): void {
  if (aws) {
    const fault = verifyAwsSignature(request, raw, aws);
    if (fault) throw new Refusal(403, 'security_exception', fault);
  } else if (authorization !== undefined && request.headers.authorization !== authorization) {
    throw new Refusal(401, 'security_exception', 'missing authentication credentials');
  }
}

type Route = readonly [string, RegExp, (match: RegExpExecArray, body: Json, context: Context) => unknown];

function handle(request: IncomingMessage, body: Json, context: Context): unknown {
  const { pathname, search } = new URL(request.url ?? '/', 'http://server');
  const line = `${request.method} ${pathname}`;
  const isReading = request.method === 'GET' || pathname.endsWith('_search') || pathname.includes('_predict');
  if (!isReading) context.double.writes.push(`${line}${search}`);
  for (const [method, pattern, act] of routes) {
    const match = method === request.method ? pattern.exec(decodeURIComponent(pathname)) : null;
    if (match) return act(match, body, context);
  }
  throw new Refusal(
    400,
    'illegal_argument_exception',
    `no handler found for uri [${pathname}] and method [${request.method}]`,
  );
}

const ml = '/_plugins/_ml';
const routes: readonly Route[] = [
  [
    'GET',
    /^\/$/,
    (_match, _body, { options: { version = '3.6.0' } }) => ({
      version: { distribution: 'opensearch', number: version },
    }),
  ],
  [
    'GET',
    /^\/_cat\/plugins$/,
    (_match, _body, { options: { plugins = mlPlugins } }) => plugins.map((component) => ({ component })),
  ],
  ['GET', /^\/_cluster\/settings$/, (_match, _body, context) => clusterSettings(context)],
  ['PUT', /^\/_cluster\/settings$/, (_match, body, context) => setClusterSettings(body, context)],
  ['GET', /^\/_nodes\/search_pipelines$/, (_match, _body, context) => processors(context)],
  [
    'GET',
    /^\/_nodes\/stats\/search_pipeline$/,
    (_match, _body, { double }) => ({
      nodes: { n1: { search_pipeline: { pipelines: statisticsOf(double) } } },
    }),
  ],
  ['GET', /^\/_search\/pipeline$/, (_match, _body, { double }) => Object.fromEntries(double.pipelines)],
  [
    'PUT',
    /^\/_search\/pipeline\/([^/]+)$/,
    ([, name], body, { double }) => put(double.pipelines, name!, body),
  ],
  [
    'DELETE',
    /^\/_search\/pipeline\/([^/]+)$/,
    ([, name], _body, { double }) => remove(double.pipelines, name!),
  ],
  [
    'GET',
    /^\/_all\/_settings\//,
    (_match, _body, { double }) => defaultsOf([...double.defaults].filter(([, value]) => value)),
  ],
  ['GET', /^\/([^/]+)\/_settings$/, ([, name], _body, { double }) => defaultsOf([indexEntry(name!, double)])],
  ['PUT', /^\/([^/]+)\/_settings$/, ([, name], body, { double }) => setDefault(name!, body, double)],
  ['GET', /^\/([^/]+)\/_field_caps$/, () => ({ fields: { title: {}, body: {} } })],
  [
    'POST',
    new RegExp(`^${ml}/(connectors|models|model_groups)/_search$`),
    ([, kind], body, { double }) => found(kind!, body, double),
  ],
  [
    'POST',
    /^\/([^/]+)\/_search$/,
    ([, index], body, { options, double, parameters }) => {
      indexEntry(index!, double);
      return searched(double, body, { documents: options.documents ?? 0, parameters });
    },
  ],
  [
    'POST',
    new RegExp(`^${ml}/connectors/_create$`),
    (_match, body, context) => createConnector(body, context),
  ],
  [
    'DELETE',
    new RegExp(`^${ml}/connectors/([^/]+)$`),
    ([, id], _body, context) => deleteConnector(id!, context),
  ],
  ['POST', new RegExp(`^${ml}/models/_register$`), (_match, body, context) => register(body, context)],
  [
    'GET',
    new RegExp(`^${ml}/tasks/`),
    (_match, _body, { options: { taskState = 'COMPLETED' } }) => taskOf(taskState),
  ],
  ['GET', new RegExp(`^${ml}/models/([^/]+)$`), ([, id], _body, { double }) => model(id!, double)],
  [
    'POST',
    new RegExp(`^${ml}/models/([^/]+)/_(un)?deploy$`),
    ([, id, un], _body, context) => deploy(id!, un === 'un', context),
  ],
  ['DELETE', new RegExp(`^${ml}/models/([^/]+)$`), ([, id], _body, context) => deleteModel(id!, context)],
  [
    'DELETE',
    new RegExp(`^${ml}/model_groups/([^/]+)$`),
    ([, id], _body, { double }) => remove(double.groups, id!),
  ],
  [
    'POST',
    new RegExp(`^${ml}/_predict/text_similarity/([^/]+)$`),
    ([, id], body, { double }) => predict(id!, body, double),
  ],
];

function clusterSettings({ options, double }: Context): unknown {
  if (options.hidesSettings)
    throw new Refusal(403, 'security_exception', 'no permissions for [cluster:monitor/settings]');
  const { settings = {}, transient = {} } = options;
  return { persistent: double.persistent, transient, defaults: { ...defaultSettings, ...settings } };
}

function setClusterSettings(body: Json, { double }: Context): unknown {
  for (const [name, value] of Object.entries((body['persistent'] ?? {}) as Json)) {
    if (value === null) delete double.persistent[name];
    else double.persistent[name] = value;
  }
  return { acknowledged: true };
}

function processors({ options }: Context): unknown {
  const known = 'processors' in options ? options.processors : ['oversample', 'truncate_hits', 'rerank'];
  if (!known) throw new Refusal(400, 'illegal_argument_exception', 'no handler found');
  const { processorsOfSecondNode: second } = options;
  const node = (names: readonly string[]): object => {
    const types = names.map((type) => ({ type }));
    return { search_pipelines: { request_processors: types, response_processors: types } };
  };
  return { nodes: { n1: node(known), ...(second && { n2: node(second) }) } };
}

function put(entries: Map<string, Json>, name: string, body: Json): unknown {
  entries.set(name, body);
  return { acknowledged: true };
}

function remove(entries: Map<string, Json>, name: string): unknown {
  if (entries.delete(name)) return { acknowledged: true };
  throw new Refusal(404, 'resource_not_found_exception', `[${name}] is missing`);
}

const defaultPipeline = 'index.search.default_pipeline';

function indexEntry(name: string, { defaults }: MlDouble): [string, string | undefined] {
  if (defaults.has(name)) return [name, defaults.get(name)];
  throw new Refusal(404, 'index_not_found_exception', `no such index [${name}]`);
}

function defaultsOf(entries: readonly (readonly [string, string | undefined])[]): unknown {
  return Object.fromEntries(
    entries.map(([index, value]) => [
      index,
      { settings: value === undefined ? {} : { [defaultPipeline]: value } },
    ]),
  );
}

function setDefault(name: string, body: Json, double: MlDouble): unknown {
  indexEntry(name, double);
  double.defaults.set(name, (body[defaultPipeline] ?? undefined) as string | undefined);
  return { acknowledged: true };
}

function found(kind: string, body: Json, { connectors, models, groups }: MlDouble): unknown {
  const { query } = body as { query: { term?: { 'name.keyword': string } } };
  const name = query.term?.['name.keyword'];
  const entries = { connectors, models, model_groups: groups }[kind]!;
  const hits = [...entries]
    .filter(([, source]) => name === undefined || source['name'] === name)
    .map(([_id, _source]) => ({ _id, _source }));
  return { hits: { total: { value: hits.length }, hits } };
}

/** The signs that 3.6 takes in names and descriptions. */
function checkDescription(what: string, { description }: Json): void {
  if (/^[\w\s.,!?():@\-'/"]*$/.test(String(description))) return;
  const reason = `Validation Failed: 1: Model ${what} can only contain letters, numbers, spaces, and basic punctuation (.,!?():@-_'/");`;
  throw new Refusal(400, 'action_request_validation_exception', reason);
}

function createConnector(body: Json, { options, double }: Context): unknown {
  checkDescription('connector description', body);
  const { credential, actions, ...kept } = body as { credential?: object; actions: Json[] };
  if (!credential || Object.keys(credential).length === 0) {
    throw new Refusal(400, 'illegal_argument_exception', 'Connector credential is null or empty list');
  }
  const effective = { ...defaultSettings, ...options.settings, ...double.persistent, ...options.transient };
  const url = String(actions[0]!['url']);
  const isTrusted = ((effective[trustedSetting] ?? ['.*']) as string[]).some((one) =>
    new RegExp(`^(?:${one})$`).test(url),
  );
  if (!isTrusted) {
    throw new Refusal(
      400,
      'illegal_argument_exception',
      'Connector URL is not matching the trusted connector endpoint regex',
    );
  }
  const id = `connector-${double.connectors.size + 1}-${double.writes.length}`;
  // The server adds settings of its own and never shows the credential.
  const config = {
    ...((kept as Json)['client_config'] as Json),
    retry_backoff_millis: 200,
    skip_ssl_verification: false,
  };
  double.connectors.set(id, { ...kept, actions, client_config: config, created_time: 1 });
  return { connector_id: id };
}

function deleteConnector(id: string, { options, double }: Context): unknown {
  const users = [...double.models].filter(
    ([, source]) => source['connector_id'] === id || options.mistakesConnectors,
  );
  if (users.length > 0) {
    const ids = users.map(([model]) => model).join(', ');
    throw new Refusal(
      409,
      'status_exception',
      `${users.length} models are still using this connector, please delete or update the models first: [${ids}]`,
    );
  }
  return remove(double.connectors, id);
}

function register(body: Json, { options, double }: Context): unknown {
  checkDescription('description', body);
  const id = `model-${double.models.size + 1}-${double.writes.length}`;
  const group = [...double.groups].find(([, { name }]) => name === body['name'])?.[0] ?? `group-${id}`;
  if (!double.groups.has(group))
    double.groups.set(group, { name: body['name'], description: body['description'] });
  double.models.set(id, { model_group_id: group, ...body, model_state: options.deployedState ?? 'DEPLOYED' });
  return { task_id: `task-${id}`, status: 'CREATED', model_id: id };
}

function taskOf(state: string): unknown {
  return { state, ...(state === 'FAILED' && { error: 'the node ran out of memory' }) };
}

function model(id: string, { models }: MlDouble): Json {
  const entry = models.get(id);
  if (entry) return entry;
  throw new Refusal(404, 'status_exception', `Failed to find model with the provided model id: ${id}`);
}

function deploy(id: string, isUndeployed: boolean, { options, double }: Context): unknown {
  const state = isUndeployed ? 'UNDEPLOYED' : (options.deployedState ?? 'DEPLOYED');
  double.models.set(id, { ...model(id, double), model_state: state });
  return { status: 'COMPLETED' };
}

function deleteModel(id: string, { options, double }: Context): unknown {
  const tries = double.writes.filter((line) => line === `DELETE ${ml}/models/${id}`).length;
  const lags = tries <= (options.lagsBehindUndeploying ?? 0);
  if (lags || model(id, double)['model_state'] === 'DEPLOYED') {
    const reason =
      'Model cannot be deleted in deploying or deployed state. Try undeploy model first then delete';
    throw new Refusal(400, 'status_exception', reason);
  }
  return remove(double.models, id);
}

/** A model that is asked is deployed by itself, as `model_auto_deploy` has it by default. */
function predict(modelId: string, body: Json, double: MlDouble): unknown {
  double.models.set(modelId, { ...model(modelId, double), model_state: 'DEPLOYED' });
  const { query_text: query, text_docs: documents } = body as { query_text: string; text_docs: string[] };
  const scores = double.ask({ modelId, query, documents });
  const output = scores.map((score) => ({ name: 'similarity', data: [score] }));
  return { inference_results: [{ output, status_code: 200 }] };
}
