/** The reverse proxy: a listener before a cluster that passes everything through and reranks searches. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Counter, Registry } from 'prom-client';
import { checkOptionNames, longestTimerMs } from '../../engine/index.ts';
import { Exchangeable } from '../guard/exchangeable.ts';
import { proxyOptions } from '../options/proxy-options.ts';
import { answerSearch } from './answer-search.ts';
import { watchConnections } from './connections.ts';
import { type Exchange, type Forwarding, forward, markHeader } from './forward.ts';
import {
  defaultDrainMs,
  defaultMaxAnswerBytes,
  defaultMaxConcurrent,
  defaultMaxSearchBytes,
  defaultProxyHost,
  defaultProxyPort,
  defaultTimeoutMs,
  type ListenTls,
  type ProxyOptions,
  type ProxyReranking,
  proxyOptionNames,
} from './options.ts';
import { isOwn, showOwnPage } from './own-pages.ts';
import { passUnread, type Treatment } from './pass.ts';
import { searchHead } from './search-head.ts';
import type { Reranking, SearchParts } from './search-run.ts';
import { ProxyError, sendError } from './server-error.ts';
import { openSlots } from './slots.ts';
import { maxHeaderBytes, openTarget } from './target.ts';
import { wishOf } from './wish.ts';

/**
 * How much longer the proxy waits for a silent caller than for the cluster, in milliseconds, so that the caller is told
 * of the timeout first.
 */
const callerGraceMs = 1000;
/** Longest wait that leaves time for the grace, in milliseconds. */
const longestWaitMs = longestTimerMs - callerGraceMs;

/** A proxy that listens. */
export interface RunningProxy {
  /** Address of the listener, e.g. `http://127.0.0.1:9201`. */
  readonly url: string;
  /** Reranks later searches with other settings. Resolves once the last earlier search is answered. */
  use(next: ProxyReranking): Promise<void>;
  /** Takes no more requests, lets requests in flight end, then closes all connections. */
  close(): Promise<void>;
}

/**
 * Opens a reverse proxy before a cluster of Elasticsearch or OpenSearch. `_search` and `_msearch` of the named indices
 * come back reranked; everything else passes byte by byte, as it arrives.
 *
 * @throws ConfigurationError for an impossible address. @throws Node's own error when the port is taken.
 *
 * @example const adapter = proxyAdapter({ fields: ['title', 'body'] }); const stage = rescoringStage({ adapter,
 * reranker }); const proxy = await openProxy({ target: 'http://127.0.0.1:9200', indices: ['products-*'], adapter,
 * stage, reranker });
 */
export async function openProxy(options: ProxyOptions): Promise<RunningProxy> {
  checkOptionNames('Cannot open the proxy', options, proxyOptionNames);
  const { host = defaultProxyHost, port = defaultProxyPort } = options;
  const drainMs = Math.min(options.drainMs ?? defaultDrainMs, longestWaitMs);
  const timeoutMs = Math.min(options.timeoutMs ?? defaultTimeoutMs, longestWaitMs);
  const target = openTarget(options.target, {
    tls: options.targetTls,
    keepsHost: options.keepsHost ?? proxyOptions.keepsHost.default,
  });
  const draining = new AbortController();
  const parts = partsOf(options, { target, timeoutMs }, draining.signal);
  const server = listener(options.listenTls);
  server.timeout = timeoutMs + callerGraceMs;
  const connections = watchConnections(server);
  const take = (isWaiting: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    // The connection ends with this answer, for its next request would come too late.
    if (draining.signal.aborted) response.shouldKeepAlive = false;
    connections.use(request.socket);
    response.once('close', () => draining.signal.aborted && connections.closeIdle());
    void count(parts, { request, response, isWaiting });
  };
  server.on('request', take(false)).on('checkContinue', take(true));
  const address = await listening(server, host, port);
  return {
    async use(next) {
      await parts.reranking.replace(rerankingOf(next));
    },
    url: `${options.listenTls ? 'https' : 'http'}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    async close() {
      draining.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.closeIdle();
      const timer = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(timer);
      target.close();
    },
  };
}

interface ProxyParts extends Omit<SearchParts, keyof Reranking> {
  readonly reranking: Exchangeable<ReadyReranking>;
  readonly requests: Counter;
  readonly ownPages: boolean;
  readonly registry: Registry;
  readonly isReady: () => boolean;
}

interface ReadyReranking extends Reranking {
  readonly reranker: ProxyReranking['reranker'];
}

function rerankingOf(options: ProxyReranking): ReadyReranking {
  const { adapter, stage, indices, reranker } = options;
  return {
    adapter,
    stage,
    indices,
    reranker,
    isFailOpen: (options.onFailure ?? 'keep-first-stage') === 'keep-first-stage',
    maxSearchBytes: options.maxSearchBytes ?? defaultMaxSearchBytes,
    maxAnswerBytes: options.maxAnswerBytes ?? defaultMaxAnswerBytes,
    slots: openSlots(options.maxConcurrent ?? defaultMaxConcurrent),
  };
}

function partsOf(options: ProxyOptions, forwarding: Forwarding, draining: AbortSignal): ProxyParts {
  const { registry = new Registry(), onFault = () => {} } = options;
  const reranking = new Exchangeable(rerankingOf(options));
  return {
    reranking,
    forwarding,
    registry,
    onFault,
    ownPages: options.ownPages ?? proxyOptions.ownPages.default,
    isReady: () => reranking.current.reranker.info.ready && !draining.aborted,
    requests: new Counter({
      name: 'blockrank_proxy_requests_total',
      help: 'Requests, by what became of them and the status that the caller was given.',
      labelNames: ['kind', 'status'],
      registers: [registry],
    }),
  };
}

/** Answers a request and counts it. 499 stands for a caller that left before its answer was out. */
async function count(parts: ProxyParts, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  let kind: Treatment | 'own' = 'passed';
  try {
    kind = await answer(parts, exchange);
  } catch (error) {
    // A fault of the proxy must not leave the caller without an answer.
    parts.onFault(error);
    const message = `The proxy failed: ${String(error)}. The cluster was not harmed; see the proxy's log.`;
    sendError(response, error instanceof ProxyError ? error : new ProxyError(internal, message));
  }
  const isOut = response.writableEnded && !response.errored;
  parts.requests.inc({ kind, status: isOut ? String(response.statusCode) : '499' });
}

const internal = { status: 500, type: 'proxy_exception' };

async function answer(parts: ProxyParts, exchange: Exchange): Promise<Treatment | 'own'> {
  const { request } = exchange;
  if (parts.ownPages && isOwn(exchange)) {
    await showOwnPage(parts, exchange);
    return 'own';
  }
  const { forwarding, onFault, reranking } = parts;
  if (!searchHead(request)) return passUnread({ ...reranking.current, forwarding }, exchange, undefined);
  const wish = wishOf(request.headers[markHeader]?.toString());
  if (wish !== false) {
    return reranking.use((current) => answerSearch({ ...current, forwarding, onFault }, exchange, wish));
  }
  await forward(forwarding, exchange, undefined, ['X-Blockrank', 'unreranked; reason=disabled']);
  return 'passed';
}

function listener(tls: ListenTls | undefined): Server {
  const settings = {
    maxHeaderSize: maxHeaderBytes,
    // A large upload may take any time; only headers have a limit.
    requestTimeout: 0,
    headersTimeout: 60_000,
    // Longer than the pools of usual clients keep a connection.
    keepAliveTimeout: 75_000,
  };
  const server = tls ? createHttpsServer({ ...settings, ...tls }) : createHttpServer(settings);
  // By default Node silently drops headers after the 2000th; here only the size limit bounds them.
  server.maxHeadersCount = 0;
  return server;
}

async function listening(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server.address() as AddressInfo;
}
