/** The reference of the service: an OpenAPI document and a page that shows it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { type FaultKind, ServiceFault } from './fault.ts';
import { toJsonSchema, type WireForm } from './wire/wire-form.ts';

/** The kinds of faults that a caller may get, in a few words each. */
const faultWords: Readonly<Partial<Record<FaultKind, string>>> = {
  invalid: 'the body is not what it should be',
  empty: 'there are no documents',
  'too-many-documents': 'more documents than are accepted',
  'too-many-tokens': 'more tokens than are accepted',
  truncated: 'a text is too long and may not be cut',
  unauthorized: 'no valid API key',
  forbidden: 'the key may not use the model',
  'unknown-model': 'no such model',
  'too-large': 'a body of more bytes or values than are accepted',
  'media-type': 'a body that is not JSON, or packed in another way than gzip',
  'tenant-limit': 'the key asks more than it may',
  overloaded: 'no room at the moment',
  deadline: 'no ranking within the time there was',
  'not-ready': 'the models are being loaded',
  backend: 'the reranker failed',
};

/** Kinds of faults that pass by themselves: their answers say when another try makes sense. */
const passing: ReadonlySet<string> = new Set<FaultKind>([
  'tenant-limit',
  'overloaded',
  'deadline',
  'not-ready',
]);

/** The schema of a route that takes no key. */
export const keyless: FastifySchema = { security: [] };

/** Adds `/openapi.json` and `/docs`; both show the routes that are added afterwards. */
export async function addReference(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'blockrank',
        version: '1',
        description:
          'Reranks documents for a query. Scores are in [0, 1], strictly descending for documents that differ, and always written with a point.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

/** The schema of a form's route, for the reference. The form itself reads bodies: Fastify checks nothing. */
export function openApiRoute(form: WireForm): FastifySchema {
  return {
    summary: form.title,
    tags: ['rerank'],
    body: toJsonSchema(form.request),
    response: {
      200: {
        description: 'The ranking.',
        content: { 'application/json': { schema: toJsonSchema(form.response) } },
      },
      ...failures(form),
    },
  } as FastifySchema;
}

/** The schemas of a form's error answers, by status: their meaning, in the form's own shape. */
function failures(form: WireForm): Record<number, object> {
  const content = { 'application/json': { schema: toJsonSchema(form.failure) } };
  const byStatus = new Map<number, FaultKind[]>();
  for (const kind of Object.keys(faultWords) as FaultKind[]) {
    const { status } = form.fault(new ServiceFault(kind, ''), '');
    byStatus.set(status, [...(byStatus.get(status) ?? []), kind]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, kinds]) => {
      const words = kinds.map((kind) => faultWords[kind]).join('; ');
      const description = `${words[0]!.toUpperCase()}${words.slice(1)}.`;
      return [status, { description, content, ...(kinds.some((kind) => passing.has(kind)) && { headers }) }];
    }),
  );
}

const headers = { 'retry-after': { type: 'integer', description: 'Seconds until another try makes sense.' } };
