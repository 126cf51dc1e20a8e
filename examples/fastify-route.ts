/**
 * A search route in Fastify: the page in reranked order, and in first-stage order when the deadline passes.
 * `npx tsx examples/fastify-route.ts`, then `curl 'http://127.0.0.1:3000/search?q=food+from+sunlight'`.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, type Reranker, rescoringStage } from '../index.ts';
import { documents } from './support/documents.ts';

/** A server with `GET /search?q=WORDS&from=0&size=10`. */
export function searchServer(reranker: Reranker): FastifyInstance {
  const stage = rescoringStage({ adapter: embeddedAdapter({ documents }), reranker, deadlineMs: 2000 });
  const server = fastify();
  const querystring = {
    type: 'object',
    required: ['q'],
    properties: {
      q: { type: 'string' },
      from: { type: 'integer', minimum: 0 },
      size: { type: 'integer', minimum: 1 },
    },
  };
  server.get<{ Querystring: { q: string; from?: number; size?: number } }>(
    '/search',
    { schema: { querystring } },
    async ({ query: { q, from = 0, size = 10 } }) => {
      const { hits, total, blockrank } = await stage.search({ query: q, from, size });
      return { total, reranked: blockrank?.reranked, reason: blockrank?.reason, hits };
    },
  );
  server.addHook('onClose', () => stage.close());
  return server;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const reranker = await openReranker();
  console.log(await searchServer(reranker).listen({ port: 3000 }));
}
