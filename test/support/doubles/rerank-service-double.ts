/**
 * A reranking service that reverses lists: the last document gets the best score. It answers in Cohere's form and in
 * TEI's, remembers the requests, counts like the real one, and misbehaves on demand.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the service behaves. */
export type Behaviour =
  /** Answers correctly. */
  | { readonly kind: 'well' }
  /** Answers this status with this text. */
  | { readonly kind: 'status'; readonly status: number; readonly text: string }
  /** Answers correctly, but only after this time. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Ends the connection without an answer. */
  | { readonly kind: 'hangs-up' }
  /** Writes this literal as the first score. */
  | { readonly kind: 'literal'; readonly literal: string }
  /** Leaves out this many results; a negative number adds some. */
  | { readonly kind: 'drops'; readonly count: number }
  /** Answers this status with this text when it is asked about more documents than this. */
  | { readonly kind: 'few'; readonly most: number; readonly status: number; readonly text: string }
  /** Gives every result the index 0. */
  | { readonly kind: 'repeats' }
  /** Adds a field to every result. */
  | { readonly kind: 'extra' };

/** One request that the service got. */
export interface RerankRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  /** The body as sent. */
  readonly text: string;
  readonly query: string;
  readonly documents: readonly string[];
}

/** A running service. */
export interface RerankServiceDouble {
  readonly url: string;
  /** Every request, in order. */
  readonly asked: readonly RerankRequest[];
  /** Sets the behaviour from now on; `well` at first. */
  behave(behaviour: Behaviour): void;
  /** Forgets the requests. */
  forget(): void;
  /** Stops listening; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a service. @param key - The only accepted key. @defaultValue no key is needed */
export async function startRerankServiceDouble(
  options: { readonly key?: string } = {},
): Promise<RerankServiceDouble> {
  const asked: RerankRequest[] = [];
  let behaviour: Behaviour = { kind: 'well' };
  let count = 0;
  let server: Server | undefined;
  let port = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await textOf(request);
    if (request.url === '/readyz') return send(response, 200, '{"status":"ready"}');
    if (request.url === '/metrics') return send(response, 200, metricsText(count));
    const entry = toEntry(request, text);
    asked.push(entry);
    count += 1;
    if (options.key !== undefined && entry.authorization !== `Bearer ${options.key}`) {
      return send(response, 401, '{"message":"unauthorized: the key is not known"}');
    }
    await answer(entry, response, behaviour);
  };
  const start = async (): Promise<void> => {
    server = createServer((request, response) => void serve(request, response));
    // Clients pool connections: an idle one must not end while a request is on its way.
    server.keepAliveTimeout = 75_000;
    await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    if (!ending) return;
    await new Promise((resolve) => {
      ending.close(resolve);
      ending.closeAllConnections();
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    behave: (next) => {
      behaviour = next;
    },
    forget: () => {
      asked.length = 0;
    },
    start,
    stop,
    close: stop,
  };
}

async function answer(entry: RerankRequest, response: ServerResponse, behaviour: Behaviour): Promise<void> {
  if (behaviour.kind === 'status') return send(response, behaviour.status, behaviour.text);
  if (behaviour.kind === 'few' && entry.documents.length > behaviour.most) {
    return send(response, behaviour.status, behaviour.text);
  }
  if (behaviour.kind === 'hangs-up') return void response.socket?.destroy();
  if (behaviour.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, behaviour.ms));
  const results = resultsFor(entry.documents.length, behaviour);
  const scoreName = entry.path.endsWith('/v1/rerank') ? 'relevance_score' : 'score';
  const extra = behaviour.kind === 'extra' ? ',"rank":1' : '';
  const entries = results.map(({ index, literal }) => `{"index":${index},"${scoreName}":${literal}${extra}}`);
  send(response, 200, scoreName === 'score' ? `[${entries}]` : `{"id":"double","results":[${entries}]}`);
}

interface Result {
  readonly index: number;
  readonly literal: string;
}

/** Best first, as a service gives them. */
function resultsFor(length: number, behaviour: Behaviour): Result[] {
  const results = Array.from({ length }, (_, i) => {
    return { index: length - 1 - i, literal: literalOf((length - i) / (length + 1)) };
  });
  if (behaviour.kind === 'literal') {
    return results.map((result, i) => (i === 0 ? { ...result, literal: behaviour.literal } : result));
  }
  if (behaviour.kind === 'repeats') return results.map((result) => ({ ...result, index: 0 }));
  if (behaviour.kind !== 'drops') return results;
  if (behaviour.count >= 0) return results.slice(0, Math.max(0, length - behaviour.count));
  return [
    ...results,
    ...Array.from({ length: -behaviour.count }, (_, i) => ({ index: length + i, literal: '0.001' })),
  ];
}

/** A number as ML Commons reads it: with a point, and at most 18 characters. */
function literalOf(score: number): string {
  return score.toFixed(9);
}

function toEntry(request: IncomingMessage, text: string): RerankRequest {
  const common = { path: request.url ?? '', authorization: request.headers.authorization, text };
  try {
    const {
      query,
      documents,
      texts = [],
    } = JSON.parse(text) as {
      query: string;
      documents?: string[];
      texts?: string[];
    };
    return { ...common, query, documents: documents ?? texts };
  } catch {
    return { ...common, query: '', documents: [] };
  }
}

function metricsText(count: number): string {
  const name = 'blockrank_service_requests_total';
  const values = count > 0 ? `${name}{form="union",model="default",status="200"} ${count}\n` : '';
  return `# HELP ${name} Requests.\n# TYPE ${name} counter\n${values}`;
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
