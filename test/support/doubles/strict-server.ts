/**
 * A search server that checks requests as strictly as the originals: TLS, credentials, media types, paths, parameters,
 * bodies. It searches a handful of documents by counting words.
 */
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { verifyAwsSignature } from '../checks/aws-signature.ts';
import type { Certificates } from '../tiny/certificates.ts';
import { Refusal } from './refusal.ts';

export interface ServerDocument {
  readonly id: string;
  readonly title: string;
  readonly body: string;
}

export interface StrictServerOptions {
  readonly product: 'elasticsearch' | 'opensearch';
  /** Major version; decides the accepted media types. */
  readonly version?: number;
  /** Serves TLS with these certificates; plain HTTP without. */
  readonly certificates?: Certificates;
  /** Whether a client must show a certificate signed by the CA. */
  readonly wantsClientCertificate?: boolean;
  /** The only accepted `Authorization`. */
  readonly authorization?: string;
  /** Accepts requests signed with these keys, and only those. */
  readonly aws?: AwsAccount;
  readonly documents?: readonly ServerDocument[];
}

export interface AwsAccount {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  readonly service: 'es' | 'aoss';
}

/** A request that passed the checks. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Name on the client's certificate. */
  readonly clientName: string | undefined;
  readonly body: unknown;
}

export interface StrictServer {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly SeenRequest[];
  /** Connections that were tried so far, those without a handshake too. */
  readonly connections: number;
  close(): Promise<void>;
}

export const someDocuments: readonly ServerDocument[] = [
  { id: 'a', title: 'Animals', body: 'a doctor for animals, under the stars of the circus' },
  { id: 'b', title: 'Sky', body: 'an astronomer is a person who studies the stars' },
  { id: 'c', title: 'Film', body: 'stars and more stars: stars of the silent film' },
];

export async function startStrictServer(options: StrictServerOptions): Promise<StrictServer> {
  const seen: SeenRequest[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => answer(request, Buffer.concat(parts), response, { options, seen }));
  };
  const server = openServer(options, serve);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${options.certificates ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    get connections() {
      return connections;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function openServer(
  { certificates, wantsClientCertificate = false }: StrictServerOptions,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (!certificates) return createHttpServer(serve);
  const { server, ca } = certificates;
  return createHttpsServer(
    {
      ...server,
      ca: ca.cert,
      requestCert: wantsClientCertificate,
      rejectUnauthorized: wantsClientCertificate,
    },
    serve,
  );
}

interface Door {
  readonly options: StrictServerOptions;
  readonly seen: SeenRequest[];
}

function answer(
  request: IncomingMessage,
  raw: Buffer,
  response: ServerResponse,
  { options, seen }: Door,
): void {
  let status = 200;
  let body: unknown;
  try {
    body = handle(request, raw, options, seen);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    status = error.status;
    body = { error: { type: error.type, reason: error.message }, status };
  }
  const isElastic = options.product === 'elasticsearch';
  const accept = request.headers.accept ?? '';
  response.writeHead(status, {
    'content-type':
      isElastic && status !== 406 && accept.includes('vnd.elasticsearch') ? accept : 'application/json',
    ...(isElastic && { 'x-elastic-product': 'Elasticsearch' }),
    ...(status === 401 && { 'www-authenticate': 'Basic realm="security", ApiKey, Bearer' }),
  });
  response.end(JSON.stringify(body));
}

function handle(
  request: IncomingMessage,
  raw: Buffer,
  options: StrictServerOptions,
  seen: SeenRequest[],
): unknown {
  checkWhoAsks(request, raw, options);
  checkMediaTypes(request, options);
  const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString();
  const url = new URL(request.url!, 'http://server');
  const body = parseBody(text);
  const peer = (request.socket as Partial<TLSSocket>).getPeerCertificate?.();
  seen.push({
    method: request.method!,
    path: url.pathname,
    headers: request.headers,
    clientName: peer?.subject?.CN?.toString(),
    body,
  });
  return search(request, url, body, options.documents ?? someDocuments);
}

function checkWhoAsks(
  request: IncomingMessage,
  raw: Buffer,
  { authorization, aws }: StrictServerOptions,
): void {
  if (aws) {
    const fault = verifyAwsSignature(request, raw, aws);
    if (fault) throw new Refusal(403, 'SignatureDoesNotMatch', fault);
    return;
  }
  const given = request.headers.authorization;
  if (given === authorization) return;
  const reason = given
    ? `unable to authenticate with "${given.split(' ')[0]}"`
    : 'missing authentication credentials';
  throw new Refusal(401, 'security_exception', reason);
}

const vendorType = /^application\/vnd\.elasticsearch\+json; ?compatible-with=(\d+)$/;

function checkMediaTypes(request: IncomingMessage, { product, version = 9 }: StrictServerOptions): void {
  for (const name of ['accept', 'content-type'] as const) {
    const given = request.headers[name];
    if (given === undefined || given.startsWith('application/json') || (name === 'accept' && given === '*/*'))
      continue;
    const wanted = vendorType.exec(given);
    if (product === 'opensearch' || !wanted) {
      throw new Refusal(
        406,
        'media_type_header_exception',
        `Content-Type header [${given}] is not supported`,
      );
    }
    const major = Number(wanted[1]);
    if (major === version || major === version - 1) continue;
    const kind = name === 'accept' ? 'Accept' : 'Content-Type';
    throw new Refusal(
      400,
      'media_type_header_exception',
      `${kind} version must be either version ${version} or ${version - 1}, but found ${major}. ${kind}=${given}`,
    );
  }
}

function parseBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'x_content_parse_exception', 'the body is not JSON');
  }
}

const knownBodyKeys = new Set([
  'query',
  'size',
  'from',
  '_source',
  'track_total_hits',
  'highlight',
  'fields',
  'sort',
]);
const knownParameters = new Set(['size', 'from', 'typed_keys', 'track_total_hits', 'timeout']);

function search(
  request: IncomingMessage,
  url: URL,
  body: unknown,
  documents: readonly ServerDocument[],
): unknown {
  const index = /^\/([^/]+)\/_search$/.exec(url.pathname)?.[1];
  if (index === undefined)
    throw new Refusal(404, 'resource_not_found', `no handler for ${request.method} ${url.pathname}`);
  if (request.method !== 'POST' && request.method !== 'GET') {
    throw new Refusal(405, 'method_not_allowed', `incorrect method ${request.method}`);
  }
  if (decodeURIComponent(index) !== 'articles' && decodeURIComponent(index) !== 'articles,articles-old') {
    throw new Refusal(404, 'index_not_found_exception', `no such index [${decodeURIComponent(index)}]`);
  }
  for (const name of url.searchParams.keys()) {
    if (!knownParameters.has(name)) {
      throw new Refusal(
        400,
        'illegal_argument_exception',
        `request contains unrecognized parameter: [${name}]`,
      );
    }
  }
  const { query, size = 10, from = 0 } = toSearchBody(body);
  const words = wordsOf(query).map((word) => word.toLowerCase());
  const hits = documents
    .map((document) => ({ document, score: countWords(document, words) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score);
  return {
    took: 1,
    timed_out: false,
    _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
    hits: {
      total: { value: hits.length, relation: 'eq' },
      max_score: hits[0]?.score ?? null,
      hits: hits.slice(from, from + size).map(({ document: { id, ...source }, score }) => {
        return { _index: 'articles', _id: id, _score: score, _source: source };
      }),
    },
  };
}

interface SearchBody {
  readonly query?: unknown;
  readonly size?: number;
  readonly from?: number;
}

function toSearchBody(body: unknown): SearchBody {
  for (const key of Object.keys(body ?? {})) {
    if (!knownBodyKeys.has(key))
      throw new Refusal(400, 'parsing_exception', `unknown key [${key}] in [search]`);
  }
  return (body ?? {}) as SearchBody;
}

/** Words of a match or multi_match query. */
function wordsOf(query: unknown): string[] {
  const { match, multi_match: multi } = (query ?? {}) as Record<string, Record<string, unknown> | undefined>;
  if (multi) return String(multi['query']).split(/\W+/);
  if (match) {
    const [clause] = Object.values(match) as (string | { query: string })[];
    return (typeof clause === 'string' ? clause : clause!.query).split(/\W+/);
  }
  throw new Refusal(400, 'parsing_exception', 'unknown query');
}

function countWords({ title, body }: ServerDocument, words: readonly string[]): number {
  return `${title} ${body}`
    .toLowerCase()
    .split(/\W+/)
    .filter((word) => words.includes(word)).length;
}
