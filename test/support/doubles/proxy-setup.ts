/** A proxy before a server that the test plays itself, and callers that speak raw HTTP. */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import {
  openProxy,
  type ProxyAdapterOptions,
  type ProxyOptions,
  type ProxyReranking,
  proxyAdapter,
  type RunningProxy,
} from '../../../plugin/proxy/index.ts';
import { type RescoringStageOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { type FakeReranker, fakeReranker } from '../../../plugin/testing/index.ts';

/** A request to a played server. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** A server that the test plays. */
export interface Played {
  readonly url: string;
  /** Every completely received request, in order. */
  readonly seen: readonly Seen[];
  /** Number of connections opened so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Answers a request once its body has arrived. */
export type Play = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void;

/** Starts a server that answers when it has read the body. */
export function played(play: Play): Promise<Played> {
  const seen: Seen[] = [];
  return playedRaw((request, response) => {
    void bytesOf(request).then((body) => {
      const { method = '', url = '', rawHeaders } = request;
      const entry = { method, url, rawHeaders, body };
      seen.push(entry);
      play(entry, response, request);
    }, ignore);
  }, seen);
}

/** Starts a server that answers as the listener does. */
export async function playedRaw(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  seen: readonly Seen[] = [],
  onExpect?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Played> {
  const server = createServer({ maxHeaderSize: 200_000, keepAliveTimeout: 60_000 }, listener);
  server.maxHeadersCount = 0;
  if (onExpect) server.on('checkContinue', onExpect);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get connections() {
      return connections;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Setup {
  readonly reranker: FakeReranker;
  readonly proxy: RunningProxy;
  /** The settings of reranking, as {@link RunningProxy.use} takes them. */
  readonly reranking: ProxyReranking;
  close(): Promise<void>;
}

export type SetupOptions = Partial<ProxyOptions> & {
  readonly reranker?: FakeReranker;
  readonly stageOptions?: Partial<RescoringStageOptions<never, never>>;
  readonly adapterOptions?: Partial<ProxyAdapterOptions>;
};

/** Opens a proxy over a fake reranker, which reverses every list by default. */
export async function proxyBefore(target: string, options: SetupOptions = {}): Promise<Setup> {
  const { reranker = fakeReranker({ logit: (_candidate, _query, index) => index }), ...rest } = options;
  const { stageOptions = {}, adapterOptions = {}, ...own } = rest;
  const adapter = proxyAdapter({ server: 'elasticsearch', fields: ['title', 'body'], ...adapterOptions });
  const stage = rescoringStage({ adapter, reranker, scoreSteps: [], ...(stageOptions as object) });
  const onFailure = stageOptions.onFailure;
  const reranking = { indices: ['products-*'], adapter, stage, reranker, ...(onFailure && { onFailure }) };
  const proxy = await openProxy({ target, ...reranking, port: 0, ...own });
  return {
    reranking,
    reranker,
    proxy,
    async close() {
      await proxy.close();
      await stage.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly statusMessage: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly rawTrailers: readonly string[];
  readonly body: Buffer;
}

/** Sends one request with exactly these headers and this path. */
export function ask(
  url: string,
  options: RequestOptions & { readonly body?: Buffer | string },
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { maxHeaderSize: 200_000, ...rest }, (message) => {
      bytesOf(message).then(
        (bytes) =>
          resolve({
            status: message.statusCode!,
            statusMessage: message.statusMessage!,
            rawHeaders: message.rawHeaders,
            headers: message.headers,
            rawTrailers: message.rawTrailers,
            body: bytes,
          }),
        reject,
      );
    });
    request.maxHeadersCount = 0;
    request.on('error', reject);
    // With a text as body, Node would write the headers as UTF-8.
    request.end(body === undefined ? undefined : Buffer.from(body));
  });
}

/** A JSON search through `url`; headers beside the content type may be given. */
export function search(
  url: string,
  path: string,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  return ask(url, {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
    body: text,
  });
}

export async function bytesOf(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}

/** A bare connection to `url`. */
export async function socketTo(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', ignore);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** The text of a connection until it matches `pattern`, or the connection closes. */
export function until(socket: Socket, pattern: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (pattern.test(text)) finish();
    };
    const finish = (): void => {
      socket.off('data', onData).off('close', finish);
      resolve(text);
    };
    socket.on('data', onData).on('close', finish);
  });
}

/** An event that happens once. */
export function event(): { readonly happened: Promise<void>; readonly happen: () => void } {
  let happen = ignore;
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return { happened, happen: () => happen() };
}

export function ignore(): void {}
