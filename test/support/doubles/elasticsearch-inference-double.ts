/**
 * The inference API of Elasticsearch, whose plugin is published nowhere. It reads requests as strictly as the
 * original does (types, unknown settings, templates), then really calls the reranking service over HTTP, and reads
 * the answer as strictly (counts, unknown fields, the root's kind). Written from the behaviour of 8.19 and 9.x.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refusal as PlainRefusal } from './refusal.ts';

export interface InferenceDoubleOptions {
  /** @defaultValue '9.1.0' */
  readonly version?: string;
  /** @defaultValue an active trial */
  readonly licence?: { readonly type: string; readonly status: string };
  /** Whether templates get the raw query, as in one version. @defaultValue false */
  readonly isQueryRaw?: boolean;
  /** Endpoints that an ingest pipeline refers to. @defaultValue none */
  readonly referenced?: readonly string[];
  /** Endpoints of other services, by id, which the double cannot call. @defaultValue none */
  readonly foreign?: Readonly<Record<string, string>>;
}

/** One call that the double got. */
export interface InferenceCall {
  readonly line: string;
  readonly body: unknown;
}

export interface InferenceDouble {
  readonly url: string;
  readonly calls: readonly InferenceCall[];
  /** Ids of the existing endpoints. */
  ids(): readonly string[];
  /** Calls that change something. */
  writes(): readonly string[];
  /**
   * Ranks a window as `text_similarity_reranker` does: one call without `top_n`, one score a document, scores
   * transformed so that none is negative.
   */
  retrieve(id: string, query: string, texts: readonly string[]): Promise<readonly RankedDocument[]>;
  close(): Promise<void>;
}

export interface RankedDocument {
  readonly index: number;
  readonly score: number;
}

type Json = Record<string, unknown>;

interface Endpoint {
  readonly service: string;
  readonly settings: Json;
  readonly secrets: Readonly<Record<string, string>>;
}

class Refusal extends PlainRefusal {
  readonly causedBy: string | undefined;
  constructor(status: number, type: string, reason: string, cause?: string) {
    super(status, type, reason);
    this.causedBy = cause;
  }
}

export async function startInferenceDouble(options: InferenceDoubleOptions = {}): Promise<InferenceDouble> {
  const calls: InferenceCall[] = [];
  const endpoints = new Map<string, Endpoint>(
    Object.entries(options.foreign ?? {}).map(([id, service]) => [
      id,
      { service, settings: {}, secrets: {} },
    ]),
  );
  const server = createServer((request, response) => {
    void textOf(request).then(async (text) => {
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      calls.push({ line: `${request.method} ${request.url}`, body });
      try {
        send(response, 200, await handle(request, body, { options, endpoints }));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { status, type, message: reason, causedBy } = error;
        const caused = causedBy === undefined ? {} : { caused_by: { type: 'exception', reason: causedBy } };
        const told = { type, reason, root_cause: [{ type, reason }], ...caused };
        send(response, status, { error: told, status });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    ids: () => [...endpoints.keys()],
    writes: () => calls.map(({ line }) => line).filter((line) => /^(?:PUT|DELETE)/.test(line)),
    async retrieve(id, query, texts) {
      const ranked = await infer(endpoints.get(id)!, { query, texts }, options);
      if (ranked.length !== texts.length) {
        throw new Error('Reranker input document count and returned score count mismatch');
      }
      return ranked.map(({ index, score }) => ({ index, score: transformed(score) }));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Positive, and in the order of the scores. Computed in single precision, as the original does. */
function transformed(score: number): number {
  const single = Math.fround(score);
  return Math.fround(Math.max(single, 0) + Math.min(Math.fround(Math.exp(single)), 1));
}

interface Context {
  readonly options: InferenceDoubleOptions;
  readonly endpoints: Map<string, Endpoint>;
}

async function handle(request: IncomingMessage, body: unknown, context: Context): Promise<unknown> {
  const { options, endpoints } = context;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
  const { version = '9.1.0', licence = { type: 'trial', status: 'active' } } = options;
  if (pathname === '/') return { version: { number: version, build_flavor: 'default' } };
  if (pathname === '/_license') return { license: licence };
  const id = /^\/_inference\/rerank\/([^/]+)$/.exec(pathname)?.[1];
  if (id === undefined) {
    const reason = `no handler found for uri [${pathname}] and method [${request.method}]`;
    throw new Refusal(400, 'illegal_argument_exception', reason);
  }
  const found = endpoints.get(id);
  switch (request.method) {
    case 'GET':
      return { endpoints: [shown(id, existing(id, found))] };
    case 'DELETE':
      existing(id, found);
      if (options.referenced?.includes(id) && searchParams.get('force') !== 'true') {
        throw new Refusal(
          409,
          'status_exception',
          `Inference endpoint ${id} is referenced by pipelines: [p]. Ensure that no pipelines are using this inference endpoint, or use force to ignore this warning and delete the inference endpoint.`,
        );
      }
      endpoints.delete(id);
      return { acknowledged: true, pipelines: [] };
    case 'PUT':
      return create(id, body, context);
    case 'POST':
      checkLicence(options);
      return { rerank: toAnswer(await infer(existing(id, found), toInput(body), options)) };
    default:
      throw new Refusal(405, 'method_not_allowed', String(request.method));
  }
}

function existing(id: string, found: Endpoint | undefined): Endpoint {
  if (found) return found;
  throw new Refusal(404, 'resource_not_found_exception', `Inference endpoint not found [${id}]`);
}

function shown(id: string, { service, settings }: Endpoint): object {
  return { inference_id: id, task_type: 'rerank', service, service_settings: settings, task_settings: {} };
}

function checkLicence({ licence }: InferenceDoubleOptions): void {
  if (!licence || ['trial', 'enterprise'].includes(licence.type)) return;
  throw new Refusal(403, 'security_exception', 'current license is non-compliant for [inference]');
}

async function create(id: string, body: unknown, { options, endpoints }: Context): Promise<object> {
  checkLicence(options);
  if (endpoints.has(id)) {
    throw new Refusal(400, 'resource_already_exists_exception', `Inference endpoint [${id}] already exists`);
  }
  const { service, service_settings: settings, task_settings: task = {}, ...rest } = toObject(body, 'body');
  unknownSettings(rest, String(service));
  unknownSettings(toObject(task, 'task_settings'), String(service));
  const endpoint = service === 'custom' ? toCustom(settings) : toHuggingFace(service, settings);
  if (endpoint.service === 'custom')
    requestOf(endpoint, { query: 'test query', texts: ['test input'] }, options);
  try {
    await infer(endpoint, { query: 'test query', texts: ['how big'] }, options);
  } catch (error) {
    const reason =
      'Could not complete inference endpoint creation as validation call to service threw an exception.';
    throw new Refusal(400, 'status_exception', reason, (error as Error).message);
  }
  endpoints.set(id, endpoint);
  return shown(id, endpoint);
}

function toCustom(value: unknown): Endpoint {
  const {
    url,
    headers = {},
    query_parameters: parameters = [],
    request,
    response,
    rate_limit: limit,
    secret_parameters: secrets = {},
    ...rest
  } = toObject(value, 'service_settings');
  unknownSettings(rest, 'custom');
  const { json_parser: parser, ...moreOfResponse } = toObject(response, 'response');
  unknownSettings(moreOfResponse, 'custom');
  const {
    relevance_score: score,
    reranked_index: index,
    document_text: text,
    ...more
  } = toObject(parser, 'json_parser');
  unknownSettings(more, 'custom');
  toText(score, 'relevance_score');
  for (const path of [index, text]) if (path !== undefined) toText(path, 'json_parser');
  if (!Array.isArray(parameters)) throw invalid('query_parameters is not a list');
  toTexts(headers, 'headers');
  const settings = {
    url: toText(url, 'url'),
    headers,
    request: toText(request, 'request'),
    response,
    rate_limit: toLimit(limit, 10_000),
    batch_size: 10,
  };
  return { service: 'custom', settings, secrets: toTexts(secrets, 'secret_parameters') };
}

function toHuggingFace(service: unknown, value: unknown): Endpoint {
  if (service !== 'hugging_face')
    throw new Refusal(400, 'status_exception', `Unknown service [${String(service)}]`);
  const { url, api_key: key, rate_limit: limit, ...rest } = toObject(value, 'service_settings');
  unknownSettings(rest, 'hugging_face');
  const settings = { url: toText(url, 'url'), rate_limit: toLimit(limit, 3000) };
  return { service: 'hugging_face', settings, secrets: { api_key: toText(key, 'api_key') } };
}

function toLimit(value: unknown, usual: number): object {
  const { requests_per_minute: perMinute = usual, ...rest } = toObject(value ?? {}, 'rate_limit');
  unknownSettings(rest, 'rate_limit');
  if (typeof perMinute === 'number' && perMinute > 0) return { requests_per_minute: perMinute };
  throw invalid(`[rate_limit] Invalid value [${String(perMinute)}]. [requests_per_minute] must be positive`);
}

interface Input {
  readonly query: string;
  readonly texts: readonly string[];
}

function toInput(body: unknown): Input {
  const { query, input, ...rest } = toObject(body, 'body');
  const foreign = Object.keys(rest).filter(
    (key) => !['top_n', 'return_documents', 'task_settings'].includes(key),
  );
  if (foreign.length > 0) {
    throw new Refusal(400, 'x_content_parse_exception', `[inference_request] unknown field [${foreign[0]}]`);
  }
  if (typeof query !== 'string' || query === '') throw invalid('Field [query] cannot be null or empty');
  if (!Array.isArray(input) || input.length === 0) throw invalid('Field [input] cannot be an empty array');
  return { query, texts: input.map((text) => toText(text, 'input')) };
}

interface Ranked {
  readonly index: number;
  readonly score: number;
}

function toAnswer(ranked: readonly Ranked[]): object[] {
  return ranked.map(({ index, score }) => ({ index, relevance_score: Math.fround(score) }));
}

interface Outgoing {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The request to the service. Every placeholder needs a value; values go into the body as JSON. */
function requestOf(endpoint: Endpoint, { query, texts }: Input, options: InferenceDoubleOptions): Outgoing {
  const { settings, secrets } = endpoint;
  const url = settings['url'] as string;
  const json = { 'content-type': 'application/json' };
  if (endpoint.service === 'hugging_face') {
    const body = JSON.stringify({ texts, query });
    return { url, headers: { ...json, authorization: `Bearer ${secrets['api_key']}` }, body };
  }
  const quoted = Object.fromEntries(
    Object.entries(secrets).map(([key, text]) => [key, JSON.stringify(text)]),
  );
  const values = {
    ...quoted,
    query: options.isQueryRaw ? query : JSON.stringify(query),
    input: JSON.stringify(texts),
  };
  const headers = Object.entries(settings['headers'] as Record<string, string>).map(
    ([name, text]) => [name.toLowerCase(), substituted(text, secrets, `header.${name}`)] as const,
  );
  return {
    url: substituted(url, secrets, 'url'),
    headers: { ...json, ...Object.fromEntries(headers) },
    body: substituted(settings['request'] as string, values, 'request'),
  };
}

/** Puts values into a text once; placeholders inside a value stay as they are. */
function substituted(text: string, values: Readonly<Record<string, string>>, field: string): string {
  return text.replaceAll(/\$\{([^}]*)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value !== undefined) return value;
    throw invalid(
      `Failed to validate model configuration: Found placeholder [${whole}] in field [${field}] after replacement call, please check that all templates have a corresponding field definition.`,
    );
  });
}

async function infer(endpoint: Endpoint, input: Input, options: InferenceDoubleOptions): Promise<Ranked[]> {
  const { url, headers, body } = requestOf(endpoint, input, options);
  let answer: Response;
  try {
    answer = await fetch(url, { method: 'POST', headers, body });
  } catch {
    throw new Refusal(500, 'status_exception', `Failed to send request: Connection refused: ${url}`);
  }
  const text = await answer.text();
  if (!answer.ok) {
    const reason = `Received an unsuccessful status code for request from inference entity id status [${answer.status}]. Error message: [${text}]`;
    throw new Refusal(answer.status, 'status_exception', reason);
  }
  try {
    const root: unknown = JSON.parse(text);
    return endpoint.service === 'custom' ? readCustom(endpoint, root) : readTei(root);
  } catch (error) {
    throw new Refusal(500, 'illegal_state_exception', (error as Error).message);
  }
}

function readCustom({ settings }: Endpoint, root: unknown): Ranked[] {
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw new Error('Failed to parse object: expecting token of type [START_OBJECT]');
  }
  const { json_parser: parser } = settings['response'] as { json_parser: Record<string, string> };
  const scores = pathValues(root, parser['relevance_score']!).map(toFloat);
  const path = parser['reranked_index'];
  const indices = path === undefined ? scores.map((_, i) => i) : pathValues(root, path).map(toWhole);
  if (indices.length !== scores.length) {
    throw new Error(
      `The number of index fields [${indices.length}] was not the same as the number of scores [${scores.length}]`,
    );
  }
  return scores.map((score, i) => ({ index: indices[i]!, score }));
}

/** Values at `$.list[*].name`. */
function pathValues(root: object, path: string): unknown[] {
  const [, list, name] = /^\$\.(\w+)\[\*\]\.(\w+)$/.exec(path) ?? [];
  if (list === undefined || name === undefined) throw new Error(`Cannot read path [${path}]`);
  const entries = (root as Json)[list];
  if (!Array.isArray(entries)) throw new Error(`Unable to find field [${list}] in map`);
  return entries.map((entry: Json) => {
    if (!(name in entry)) throw new Error(`Unable to find field [${name}] in map`);
    return entry[name];
  });
}

/** An array whose entries hold nothing but these fields. */
function readTei(root: unknown): Ranked[] {
  if (!Array.isArray(root)) throw new Error('Failed to parse object: expecting token of type [START_ARRAY]');
  const ranked = root.map((entry: Json) => {
    const unknown = Object.keys(entry).find(
      (key) => !['index', 'score', 'relevance_score', 'text'].includes(key),
    );
    if (unknown !== undefined) throw new Error(`Failed to parse object: unknown field [${unknown}] found`);
    return { index: toWhole(entry['index']), score: toFloat(entry['score'] ?? entry['relevance_score']) };
  });
  return ranked.sort((one, other) => other.score - one.score);
}

function toFloat(value: unknown): number {
  if (typeof value === 'number') return Math.fround(value);
  throw new Error(`Unable to convert [${String(value)}] to float`);
}

function toWhole(value: unknown): number {
  if (Number.isInteger(value)) return value as number;
  throw new Error(`Unable to convert [${String(value)}] to integer`);
}

function toObject(value: unknown, field: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw invalid(`[${field}] does not contain the required setting`);
}

function toText(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(
    `field [${field}] is not of the expected type. The value [${String(value)}] cannot be a [String]`,
  );
}

function toTexts(value: unknown, field: string): Record<string, string> {
  const texts = toObject(value, field);
  for (const text of Object.values(texts)) toText(text, field);
  return texts as Record<string, string>;
}

function unknownSettings(rest: object, service: string): void {
  if (Object.keys(rest).length === 0) return;
  throw new Refusal(
    400,
    'status_exception',
    `Configuration contains settings [${JSON.stringify(rest)}] unknown to the [${service}] service`,
  );
}

function invalid(reason: string): Refusal {
  return new Refusal(400, 'validation_exception', `Validation Failed: 1: ${reason};`);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, {
      'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
      'x-elastic-product': 'Elasticsearch',
    })
    .end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
