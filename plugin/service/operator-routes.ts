/** Routes for operators and orchestrators. Only the list of models needs a key. */
import type { FastifyInstance } from 'fastify';
import type { ServedModel } from './generation.ts';
import { callerOf } from './keys.ts';
import { keyless } from './openapi.ts';
import type { RouteParts } from './routes.ts';

const tags = ['operation'];

/** Adds the routes. @param isReady - Whether the service answers requests at the moment. */
export function addOperatorRoutes(
  app: FastifyInstance,
  {
    isReady,
    metrics,
    generation,
  }: Pick<RouteParts, 'metrics' | 'generation'> & { readonly isReady: () => boolean },
): void {
  const open = (summary: string): object => ({ schema: { tags, summary, ...keyless } });
  const health = async (): Promise<object> => ({ status: 'ok' });
  app.get('/healthz', open('Whether the process runs'), health);
  app.get('/health', open('The same, as TEI has it'), health);
  app.get('/readyz', open('Whether requests are answered; 503: they are not'), async (_request, reply) => {
    const ready = isReady();
    return reply.code(ready ? 200 : 503).send(JSON.stringify({ ready }));
  });
  app.get('/metrics', open('Prometheus metrics'), async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get('/v1/models', { schema: { tags, summary: 'Models that the key may use' } }, async (request) => {
    const { keys, models } = generation();
    const caller = callerOf(keys, request.headers);
    const listed = models.filter(({ name }) => caller.models?.has(name) ?? true);
    return { object: 'list', data: listed.map(toListed) };
  });
}

function toListed({ name, reranker: { info } }: ServedModel): object {
  return {
    id: name,
    object: 'model',
    owned_by: 'blockrank',
    reranker: info.name,
    profile: info.profile,
    ...(info.depth !== undefined && { depth: info.depth }),
    ...(info.loops !== undefined && { loops: info.loops }),
    executionProvider: info.executionProvider,
    encodingDigest: info.encodingDigest,
    readoutDigest: info.readoutDigest,
    languages: info.languages,
    takesInstructions: info.takesInstructions ?? false,
  };
}
