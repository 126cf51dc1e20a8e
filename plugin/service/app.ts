/** The HTTP side of the service: a Fastify instance with everything on it. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { type FaultKind, faultStatus, ServiceFault } from './fault.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { ServiceMetrics } from './metrics.ts';
import { addReference } from './openapi.ts';
import { addOperatorRoutes } from './operator-routes.ts';
import { addJsonParser } from './request-body.ts';
import { addRerankRoutes, type RouteParts } from './routes.ts';
import { type SparseLines, sparseLines } from './sparse-lines.ts';
import { toFault } from './to-fault.ts';
import { messageFault } from './wire/cohere.ts';

/** Encryption, as read from files. */
export type ListenTls = SecureContextOptions & {
  /** Whether clients must show a certificate. */
  readonly requestCert?: boolean;
  /** Whether a certificate that `ca` did not sign is refused. */
  readonly rejectUnauthorized?: boolean;
};

/** The parts that the HTTP side needs. */
export interface AppParts extends RouteParts {
  /** Gets log lines. */
  readonly logger: FastifyBaseLogger;
  /** Encryption; absent: none. */
  readonly tls?: ListenTls | undefined;
  /** Origins whose pages may call the service. */
  readonly corsOrigins: readonly string[];
  /** Time for a request to arrive, in milliseconds. */
  readonly receiveTimeoutMs: number;
  /** Time in which a caller has to read some part of an answer, in milliseconds. */
  readonly sendTimeoutMs: number;
  /** Most bytes of one request, as set when the service starts. */
  readonly maxBodyBytes: number;
  /** Bytes that all requests may hold together. */
  readonly budget: { open(): HeldBytes };
  /** Whether the service answers requests at the moment. */
  readonly isReady: () => boolean;
  /** Whether the service is about to end. */
  readonly isDraining: () => boolean;
  /** Called when a request arrives (1) and when it is over (-1). */
  readonly onInHand: (change: 1 | -1) => void;
}

/**
 * How long idle connections stay open, in milliseconds; longer than the pools of search servers and proxies keep
 * theirs.
 */
const keepAliveMs = 75_000;
/** How often the server looks for slow connections, in milliseconds. */
const connectionCheckMs = 1000;
const unreadablePath = 'Cannot read the path: it is not percent-encoded as it should be.';
const requestIdPattern = /^[\w.:-]{1,128}$/;

/** Makes the app; nothing listens yet. */
export async function serviceApp(parts: AppParts): Promise<FastifyInstance> {
  const failing: Failing = { metrics: parts.metrics, lines: sparseLines(parts.now) };
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.maxBodyBytes,
    requestTimeout: parts.receiveTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: toRequestId,
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      void reply.header('x-request-id', request.id);
      fail(new ServiceFault('invalid', unreadablePath), { request, reply }, failing);
    },
    http: { connectionsCheckingInterval: connectionCheckMs, headersTimeout: parts.receiveTimeoutMs },
    ...(parts.tls && { https: { ...parts.tls, connectionsCheckingInterval: connectionCheckMs } }),
  } as Parameters<typeof fastify>[0]) as unknown as FastifyInstance;
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  app.decorateRequest('state');
  addJsonParser(app);
  const routes = routesOf(app);
  app.addHook('onRequest', async (request, reply) => {
    open(request, reply, parts);
    // Before the body is read: for an unknown path its form is unknown too.
    if (request.is404) throw notFound(request, reply, routes);
  });
  // The caller reaches another replica with its next request, because this connection closes.
  app.addHook('onSend', async (_request, reply) => {
    if (parts.isDraining()) void reply.header('connection', 'close');
    boundSending(reply, parts.sendTimeoutMs);
  });
  app.setErrorHandler((error, request, reply) => fail(error, { request, reply }, failing));
  await app.register(rateLimit, { global: false });
  if (parts.corsOrigins.length > 0) await app.register(cors, { origin: [...parts.corsOrigins] });
  await addReference(app);
  addRerankRoutes(app, parts);
  addOperatorRoutes(app, parts);
  return app;
}

function toRequestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID();
}

function open(request: FastifyRequest, reply: FastifyReply, parts: AppParts): void {
  request.state = { startedMs: parts.now(), model: '', held: parts.budget.open() };
  parts.onInHand(1);
  void reply.header('x-request-id', request.id);
  // `close` follows every request, even one whose caller went away; Fastify's own hook does not.
  reply.raw.once('close', () => count(request, reply, parts));
}

/**
 * Ends a connection whose caller does not read the answer: otherwise the caller could hold it, and its memory, as long
 * as it likes. Each part that the caller reads gives another `timeoutMs`.
 */
function boundSending({ raw }: FastifyReply, timeoutMs: number): void {
  raw.setTimeout(timeoutMs, () => raw.destroy());
  // Runs before Node's own listener, which then sets the idle time of the connection, or starts the next answer.
  raw.prependOnceListener('finish', () => raw.setTimeout(0));
}

function count(request: FastifyRequest, reply: FastifyReply, { metrics, now, onInHand }: AppParts): void {
  onInHand(-1);
  request.state.held.release();
  request.state.generation?.leave();
  const { form } = request.routeOptions.config;
  if (!form) return;
  const { model, startedMs } = request.state;
  const labels = { form: form.name, model };
  const status = reply.raw.writableEnded ? reply.statusCode : faultStatus.aborted;
  metrics.requests.inc({ ...labels, status: String(status) });
  metrics.duration.observe(labels, (now() - startedMs) / 1000);
}

/** What tells of errors. */
interface Failing {
  readonly metrics: ServiceMetrics;
  readonly lines: SparseLines;
}

/** Answers with an error in the shape of the request's wire form. */
function fail(
  error: unknown,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  { metrics, lines }: Failing,
): FastifyReply {
  const fault = toFault(error);
  const write = request.routeOptions.config?.form?.fault ?? messageFault;
  const { status, body } = write(fault, request.id);
  if (fault.kind === 'deadline') metrics.shed.inc({ reason: 'deadline' });
  if (fault.kind === 'tenant-limit' && error !== fault) metrics.shed.inc({ reason: 'tenant-limit' });
  tell(fault, status, { request, lines });
  if (fault.retryAfterS !== undefined && !reply.hasHeader('retry-after')) {
    void reply.header('retry-after', String(fault.retryAfterS));
  }
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** Kinds of faults that a crowd of requests causes, not what one of them holds. */
const crowdKinds: ReadonlySet<FaultKind> = new Set(['overloaded', 'deadline', 'tenant-limit']);

const always = { isWritten: true, leftOut: 0 };

/** Logs a fault; of a crowd's one line a second, the others at the level `debug`. */
function tell(
  fault: ServiceFault,
  status: number,
  { request, lines }: { request: FastifyRequest; lines: SparseLines },
): void {
  const { kind } = fault;
  const tenant = request.state?.caller?.tenant;
  const details = { kind, status, tenant, cause: causeOf(fault) };
  const { isWritten, leftOut } = crowdKinds.has(kind) ? lines.next(`${kind} ${tenant}`) : always;
  if (kind === 'backend') request.log.error(details, 'ranking failed');
  else if (isWritten) request.log.info({ ...details, ...(leftOut > 0 && { leftOut }) }, 'refused');
  else request.log.debug(details, 'refused');
}

/** Class and stack of a fault's cause, for the log. Leaves the message out where it may quote a text. */
function causeOf({ cause }: ServiceFault): object | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { name, code, statusCode, stack } = cause as Error & { code?: string; statusCode?: number };
  const frames = stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8);
  return { name, code, statusCode, frames };
}

/** The methods of each path, collected as routes are added. */
function routesOf(app: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const routes = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set();
    routes.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });
  return routes;
}

function notFound(
  request: FastifyRequest,
  reply: FastifyReply,
  routes: ReadonlyMap<string, ReadonlySet<string>>,
): ServiceFault {
  const methods = routes.get(request.url.split('?')[0]!);
  if (!methods) return new ServiceFault('not-found', 'There is no such route; /docs lists all.');
  const allowed = [...methods].join(', ');
  void reply.header('allow', allowed);
  return new ServiceFault('method', `This route takes ${allowed}.`);
}
