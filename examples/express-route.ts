/**
 * A search route in Express. A failure of the reranker never reaches the caller: the hits come in first-stage
 * order, with the reason. `npx tsx examples/express-route.ts`, then `curl 'http://127.0.0.1:3000/search?q=stars'`.
 */
import express, { type Express } from 'express';
import { embeddedAdapter } from '../adapters/embedded/index.ts';
import { openReranker, type Reranker, rescoringStage } from '../index.ts';
import { documents } from './support/documents.ts';

/** An application with `GET /search?q=WORDS`. */
export function searchApp(reranker: Reranker): Express {
  const stage = rescoringStage({ adapter: embeddedAdapter({ documents }), reranker, deadlineMs: 2000 });
  const app = express();
  app.get('/search', async (request, response) => {
    const { q } = request.query;
    if (typeof q !== 'string') {
      response.status(400).json({ error: 'expected a query: /search?q=WORDS' });
      return;
    }
    const left = new AbortController();
    response.once('close', () => left.abort(new Error('The caller left.')));
    const { hits, blockrank } = await stage.search({ query: q }, { signal: left.signal });
    response.json({ reranked: blockrank?.reranked, reason: blockrank?.reason, hits });
  });
  return app;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  searchApp(await openReranker()).listen(3000, () => console.log('http://127.0.0.1:3000'));
}
