/** The reference of the service: an OpenAPI document and a page that shows it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { toJsonSchema, type WireForm } from './wire/wire-form.ts';

/** Adds `/openapi.json` and `/docs`; routes that are added afterwards stand in both. */
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

/** What a form says about its route. Bodies are read by the form itself: Fastify checks nothing. */
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
    },
  } as FastifySchema;
}
