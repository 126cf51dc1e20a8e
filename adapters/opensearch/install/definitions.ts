/**
 * The definitions that an installation puts into OpenSearch: the connector, the model and the search pipeline, word for
 * word.
 */
import { definitionDigest, keyDigest, markText } from '../../install/index.ts';
import { defaultPageSize, type OpenSearchInstallSettings } from './options.ts';

/** The connector without name, description and credential; its digest is made from this part. */
export interface ConnectorDefinition {
  /** Parameters that the connector's templates read. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Connections, waits (in seconds) and tries. */
  readonly client_config: Readonly<Record<string, number>>;
  /** The one action: the request to the service, and how its answer is read. */
  readonly actions: readonly Readonly<Record<string, unknown>>[];
}

/**
 * A post-processing function in Painless. Unlike the server's own function it takes whole numbers, literals of more
 * than 18 characters and answers that are too short: a missing score becomes 0.0.
 */
export const lenientReader: string = [
  'def rs = params.results; if (rs == null) { return null; }',
  'int n = 0; for (r in rs) { int i = ((Number) r.index).intValue(); if (i + 1 > n) { n = i + 1; } }',
  'def s = new double[n];',
  'for (r in rs) { s[((Number) r.index).intValue()] = ((Number) r.relevance_score).doubleValue(); }',
  "def b = new StringBuilder('[');",
  'for (int i = 0; i < n; i++) {',
  "if (i > 0) { b.append(','); }",
  'b.append(\'{"name":"similarity","data_type":"FLOAT32","shape":[1],"data":[\'); b.append(s[i]); b.append(\']}\');',
  '}',
  "b.append(']'); return b.toString();",
].join(' ');

/** How long connecting may take, in seconds; a service that does not accept a connection in this time is away. */
const connectionTimeoutSeconds = 5;

/** The connector that the settings ask for. */
export function connectorDefinition({
  url,
  model,
  serviceKey,
  readTimeoutSeconds,
  reader,
}: OpenSearchInstallSettings): ConnectorDefinition {
  const members = [
    '"documents": ${parameters.documents}',
    '"query": "${parameters.query}"',
    ...(model === undefined ? [] : ['"model": "${parameters.model}"']),
    '"top_n": ${parameters.top_n}',
  ];
  return {
    parameters: model === undefined ? {} : { model },
    client_config: {
      max_connection: 30,
      connection_timeout: Math.min(connectionTimeoutSeconds, readTimeoutSeconds),
      read_timeout: readTimeoutSeconds,
      // A second try would double the wait, and nothing else limits it.
      max_retry_times: 0,
    },
    actions: [
      {
        action_type: 'PREDICT',
        method: 'POST',
        url,
        headers: serviceKey === undefined ? {} : { Authorization: 'Bearer ${credential.key}' },
        request_body: `{ ${members.join(', ')} }`,
        pre_process_function: 'connector.pre_process.cohere.rerank',
        post_process_function: reader === 'cohere' ? 'connector.post_process.cohere.rerank' : lenientReader,
      },
    ],
  };
}

/** The part of a connector on the server that corresponds to {@link connectorDefinition}. */
export function definitionOfConnector(source: Readonly<Record<string, unknown>>): ConnectorDefinition {
  const { parameters = {}, client_config: config = {}, actions = [] } = source;
  const ours = ['max_connection', 'connection_timeout', 'read_timeout', 'max_retry_times'];
  const waits = Object.entries(config as object).filter(([key]) => ours.includes(key));
  return {
    parameters: parameters as ConnectorDefinition['parameters'],
    client_config: Object.fromEntries(waits),
    actions: (actions as readonly object[]).map((action) => ({ headers: {}, ...action })),
  };
}

/** The mark of the wanted connector. */
export function connectorMark(settings: OpenSearchInstallSettings): {
  readonly version: string;
  readonly digest: string;
  readonly key: string | undefined;
} {
  const { name, version, url, serviceKey } = settings;
  return {
    version,
    digest: definitionDigest(connectorDefinition(settings)),
    key: serviceKey === undefined ? undefined : keyDigest(serviceKey, `${name} ${url}`),
  };
}

/** The body that creates the connector. The server demands a credential even when the service needs none. */
export function connectorBody(settings: OpenSearchInstallSettings): object {
  return {
    name: settings.name,
    description: markText(connectorMark(settings)),
    version: '1',
    protocol: 'http',
    credential: { key: settings.serviceKey ?? 'none' },
    ...connectorDefinition(settings),
  };
}

/** The body that registers the model. */
export function modelBody(settings: OpenSearchInstallSettings, connectorId: string): object {
  const { name, modelGroupId } = settings;
  return {
    name,
    function_name: 'remote',
    description: markText(connectorMark(settings)),
    connector_id: connectorId,
    ...(modelGroupId !== undefined && { model_group_id: modelGroupId }),
  };
}

/** What a pipeline depends on beside the options. */
export interface PipelineSurroundings {
  /** Whether the server has `oversample` and `truncate_hits`, which widen a page before the reranker and cut it after. */
  readonly canWiden: boolean;
  /** Default pipelines that this pipeline replaced, by index; `''` for an index that had none. */
  readonly before: Readonly<Record<string, string>>;
}

/** The search pipeline. Its description is the mark. */
export function pipelineBody(
  settings: OpenSearchInstallSettings,
  modelId: string,
  { canWiden, before }: PipelineSurroundings,
): Readonly<Record<string, unknown>> {
  const { rankWindowSize, ignoreFailure, fields, version } = settings;
  const tag = `blockrank-${version}`;
  const factor = rankWindowSize / defaultPageSize;
  const isWidened = canWiden && factor > 1;
  const rerank = {
    tag,
    description: 'Reranks with BlockRank what the query found.',
    ignore_failure: ignoreFailure,
    ml_opensearch: { model_id: modelId },
    context: { document_fields: fields },
  };
  const definition = {
    ...(isWidened && { request_processors: [{ oversample: { tag, sample_factor: factor } }] }),
    response_processors: [{ rerank }, ...(isWidened ? [{ truncate_hits: { tag } }] : [])],
  };
  const digest = definitionDigest(definitionOfPipeline(definition));
  return { description: markText({ version, digest, before }), ...definition };
}

/**
 * The part of a pipeline that its digest is made from: without the description, which holds the digest, and without the
 * model's id, which only the server can give.
 */
export function definitionOfPipeline({
  description: _mark,
  ...definition
}: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(JSON.stringify(definition), (key, value: unknown) => (key === 'model_id' ? '' : value));
}
