/** Leads a request through its steps: key, body, model, ranking, answer; each wire form words its own errors. */
import { context, propagation, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from './admission.ts';
import type { Answer } from './ask.ts';
import { ServiceFault } from './fault.ts';
import type { Generation } from './generation.ts';
import type { HeldBytes } from './held-bytes.ts';
import { type Caller, callerOf } from './keys.ts';
import type { ServiceMetrics } from './metrics.ts';
import { openApiRoute } from './openapi.ts';
import type { QueryLog } from './query-log.ts';
import type { RankingWork } from './ranking-work.ts';
import { receivedBody } from './request-body.ts';
import { type RequestTime, requestTime } from './request-time.ts';
import { toFault } from './to-fault.ts';
import type { Turns } from './turns.ts';
import { wireForms } from './wire/forms.ts';
import type { WireForm } from './wire/wire-form.ts';

/** The parts that routes need. */
export interface RouteParts {
  /** The configuration in use. @throws ServiceFault `not-ready` before the first one. */
  readonly generation: () => Generation;
  /** The admission of rankings. */
  readonly admission: Pick<Admission, 'assertRoom'>;
  /** The turns of the event loop in which requests begin. */
  readonly turns: Turns;
  /** Ranks asks. */
  readonly work: RankingWork;
  /** The service's metrics. */
  readonly metrics: ServiceMetrics;
  /** Gets every ranking. */
  readonly queryLog: QueryLog;
  /** Makes spans. */
  readonly tracer: Tracer;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Number of requests in hand, by tenant. */
  readonly inHand: Map<string, number>;
}

/** The state of a request under way. */
export interface RequestState {
  /** Time of arrival, on the service's clock, in milliseconds. */
  readonly startedMs: number;
  /** Bytes that the request holds, given back when it is over. */
  readonly held: HeldBytes;
  /** The configuration under which the request runs. */
  generation?: Generation;
  /** The caller. */
  caller?: Caller;
  /** Name of the model that answers; empty before it is known. */
  model: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The service's state of the request. */
    state: RequestState;
  }
  interface FastifyContextConfig {
    /** The route's wire form. */
    form?: WireForm;
  }
}

/** Adds every wire form's routes. */
export function addRerankRoutes(app: FastifyInstance, parts: RouteParts): void {
  // All routes share one count; separate counts would give a tenant its limit once for each route.
  const limitOfMinute = app.rateLimit({
    max: (request) => request.state.caller?.requestsPerMinute ?? Number.MAX_SAFE_INTEGER,
    timeWindow: '1 minute',
    keyGenerator: (request) => request.state.caller?.tenant ?? '',
    allowList: (request) => request.state.caller?.requestsPerMinute === undefined,
  });
  for (const form of wireForms) {
    for (const url of form.paths) {
      app.route({
        method: 'POST',
        url,
        schema: openApiRoute(form),
        config: { form },
        onRequest: [
          (_request, reply, begin) => beginInTurn(reply, parts, begin),
          async (request) => identify(request, parts),
          limitOfMinute,
        ],
        preParsing: async (request, _reply, payload) => receivedBody(request, payload),
        handler: (request, reply) =>
          inSpan(parts, request, (span) => handle(form, { request, reply, parts, span })),
      });
    }
  }
}

/** Lets the request go on in its turn, and drops one whose caller went away meanwhile. */
function beginInTurn({ raw }: FastifyReply, { turns }: RouteParts, begin: () => void): void {
  turns.enter(() => {
    if (!raw.closed) begin();
  });
}

/** Identifies the caller before the body is read, so that the service never reads a stranger's body. */
function identify(request: FastifyRequest, { generation, admission, now }: RouteParts): void {
  const current = generation();
  current.enter();
  request.state.generation = current;
  request.state.caller = callerOf(current.keys, request.headers);
  admission.assertRoom(now() - request.state.startedMs);
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly parts: RouteParts;
  readonly span: Span;
}

async function handle(form: WireForm, { request, reply, parts, span }: Exchange): Promise<FastifyReply> {
  const { state } = request;
  const { startedMs } = state;
  const generation = state.generation!;
  const caller = state.caller!;
  assertDocuments(form, request.body, generation);
  const ask = form.ask(request.body);
  const model = generation.modelFor(ask.model, caller);
  state.model = model.name;
  const { deadlineMs } = generation.settings;
  const release = takeSlot(parts, caller);
  let time: RequestTime | undefined;
  try {
    time = requestTime(request.headers, reply.raw, { deadlineMs, startedMs, now: parts.now });
    const ranked = await parts.work.rank({ ask, caller, generation, model, ...time });
    const elapsedMs = parts.now() - startedMs;
    const answer: Answer = { ...ranked, ask, requestId: request.id, model: model.name, elapsedMs };
    const { read, stoppedBy } = ranked.ranking?.usage ?? {};
    const json = form.answer(answer);
    time.assertLeft();
    span.setAttributes({ 'blockrank.model': model.name, 'blockrank.cache': ranked.cache });
    parts.queryLog.write(answer, caller, header(request, 'x-query-id'));
    log(request, answer, generation.settings.logsTexts);
    return await reply
      .headers({
        'x-blockrank-model': model.name,
        'x-blockrank-cache': ranked.cache,
        'x-blockrank-reranked': String(ranked.ranking !== undefined),
        ...(read !== undefined && { 'x-blockrank-read': String(read) }),
        ...(stoppedBy && { 'x-blockrank-stopped-by': stoppedBy }),
        'server-timing': `total;dur=${elapsedMs.toFixed(1)}`,
      })
      .type('application/json; charset=utf-8')
      .send(json);
  } finally {
    time?.close();
    release();
  }
}

/** Checks the number of documents before any document: the errors of too many faulty ones would exceed the memory. */
function assertDocuments(
  { listKey }: WireForm,
  body: unknown,
  { settings: { maxDocuments } }: Generation,
): void {
  const documents = (body as Readonly<Record<string, unknown>> | null | undefined)?.[listKey];
  if (!Array.isArray(documents) || documents.length <= maxDocuments) return;
  throw new ServiceFault(
    'too-many-documents',
    `The request holds ${documents.length} documents; at most ${maxDocuments} are accepted. Rerank fewer, or send several requests.`,
  );
}

/** Takes one of a tenant's slots. @throws ServiceFault when the tenant has too many. */
function takeSlot({ inHand, metrics }: RouteParts, { tenant, maxConcurrent }: Caller): () => void {
  const taken = inHand.get(tenant) ?? 0;
  if (maxConcurrent !== undefined && taken >= maxConcurrent) {
    metrics.shed.inc({ reason: 'tenant-limit' });
    throw new ServiceFault(
      'tenant-limit',
      `This key has ${taken} requests in hand; at most ${maxConcurrent} are accepted at once.`,
      { retryAfterS: 1 },
    );
  }
  inHand.set(tenant, taken + 1);
  return () => {
    const left = inHand.get(tenant)! - 1;
    if (left === 0) inHand.delete(tenant);
    else inHand.set(tenant, left);
  };
}

/** Logs one line for a request. The line holds texts only where the configuration asks for them. */
function log(
  request: FastifyRequest,
  { ask, model, cache, elapsedMs, ranking }: Answer,
  withTexts: boolean,
): void {
  request.log.info(
    {
      tenant: request.state.caller?.tenant,
      model,
      cache,
      documents: ask.documents.length,
      tokens: ranking?.usage.tokens ?? 0,
      reranked: ranking !== undefined,
      ...(ranking?.usage.read !== undefined && {
        read: ranking.usage.read,
        stoppedBy: ranking.usage.stoppedBy,
      }),
      ms: Math.round(elapsedMs * 10) / 10,
      ...(withTexts && { query: ask.query, texts: ask.documents.map(({ text }) => text) }),
    },
    'ranked',
  );
}

/** Runs a request in a span that continues the caller's trace. */
async function inSpan<T>(
  { tracer }: RouteParts,
  request: FastifyRequest,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = propagation.extract(context.active(), request.headers);
  const options = { kind: SpanKind.SERVER, attributes: { 'http.route': request.routeOptions.url ?? '' } };
  return tracer.startActiveSpan(`POST ${request.routeOptions.url}`, options, parent, async (span) => {
    try {
      return await run(span);
    } catch (error) {
      // The span gets the fault's own words: an error of the reranker may quote texts.
      span.setStatus({ code: SpanStatusCode.ERROR, message: toFault(error).message });
      throw error;
    } finally {
      span.end();
    }
  });
}

function header({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value.slice(0, 256) : undefined;
}
