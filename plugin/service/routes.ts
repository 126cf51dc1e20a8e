/** What a request goes through: key, body, model, ranking, answer; and how each wire form says that it went wrong. */
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
import { wireForms } from './wire/forms.ts';
import type { WireForm } from './wire/wire-form.ts';

/** What routes need from around them. */
export interface RouteParts {
  /** The configuration in use. @throws ServiceFault `not-ready` before there is one. */
  readonly generation: () => Generation;
  /** The door that rankings go through. */
  readonly admission: Pick<Admission, 'assertRoom'>;
  /** Ranks. */
  readonly work: RankingWork;
  /** Told what happens. */
  readonly metrics: ServiceMetrics;
  /** Gets every ranking. */
  readonly queryLog: QueryLog;
  /** Makes spans. */
  readonly tracer: Tracer;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Requests of a tenant in hand. */
  readonly inHand: Map<string, number>;
}

/** What is known of a request under way. */
export interface RequestState {
  /** When it came, on the service's clock. */
  readonly startedMs: number;
  /** Bytes that it takes, given back once it is over. */
  readonly held: HeldBytes;
  /** Its configuration. */
  generation?: Generation;
  /** Who sent it. */
  caller?: Caller;
  /** The model that answers it; empty before it is known. */
  model: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the service knows of the request. */
    state: RequestState;
  }
  interface FastifyContextConfig {
    /** The route's wire form. */
    form?: WireForm;
  }
}

/** Adds every wire form's routes. */
export function addRerankRoutes(app: FastifyInstance, parts: RouteParts): void {
  // One count for all routes: with one each, a tenant would have its limit as many times as there are routes.
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
        onRequest: [async (request) => identify(request, parts), limitOfMinute],
        preParsing: async (request, _reply, payload) => receivedBody(request, payload),
        handler: (request, reply) =>
          inSpan(parts, request, (span) => handle(form, { request, reply, parts, span })),
      });
    }
  }
}

/** Before the body is read, so that a stranger's body never is. */
function identify(request: FastifyRequest, { generation, admission }: RouteParts): void {
  const current = generation();
  current.enter();
  request.state.generation = current;
  request.state.caller = callerOf(current.keys, request.headers);
  admission.assertRoom();
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
  const release = takeSeat(parts, caller);
  let time: RequestTime | undefined;
  try {
    time = requestTime(request.headers, reply.raw, { deadlineMs, startedMs, now: parts.now });
    const ranked = await parts.work.rank({ ask, caller, generation, model, ...time });
    const elapsedMs = parts.now() - startedMs;
    const answer: Answer = { ...ranked, ask, requestId: request.id, model: model.name, elapsedMs };
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
        'server-timing': `total;dur=${elapsedMs.toFixed(1)}`,
      })
      .type('application/json; charset=utf-8')
      .send(json);
  } finally {
    time?.close();
    release();
  }
}

/** Before a document is looked at: so many may be wrong that telling it takes more memory than there is. */
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

/** Counts a tenant's requests in hand. @throws ServiceFault when it has too many. */
function takeSeat({ inHand, metrics }: RouteParts, { tenant, maxConcurrent }: Caller): () => void {
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

/** One line a request. Texts stand in it only where the configuration asks for them. */
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
      // The fault's own words: an error of the reranker may quote what it was given.
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
