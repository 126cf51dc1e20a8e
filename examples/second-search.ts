/**
 * Searching an OpenSearch index once more by what was read. The index, made with `"index.knn": true`, holds anchors:
 * `npx blockrank states build --opensearch http://127.0.0.1:9200 --index articles --field title,body --to field --vector`.
 * Then `OPENSEARCH_URL=http://127.0.0.1:9200 INDEX=articles npx tsx examples/second-search.ts "food from sunlight"`.
 */
import { Client } from '@opensearch-project/opensearch';
import { opensearchAdapter } from '../adapters/opensearch/index.ts';
import { openReranker, rescoringStage } from '../index.ts';

const { OPENSEARCH_URL: node = 'http://127.0.0.1:9200', INDEX: index = 'articles' } = process.env;
const words = process.argv[2] ?? 'food from sunlight';
const client = new Client({ node });
const states = { kind: 'field', vector: true } as const;
const adapter = opensearchAdapter({ client, fields: ['title', 'body'], states });
const reranker = await openReranker({ tier: 'anchor' });
const stage = rescoringStage({ adapter, reranker, secondSearch: { k: 100 } });
const { hits, blockrank } = await stage.search({ index, body: { query: { match: { body: words } } } });
for (const { _id, blockrank: mark } of hits.hits)
  console.log(`${mark?.rank}. ${_id}${mark?.fromSecondSearch ? ' (second search)' : ''}`);
console.log(blockrank?.secondSearch);
await stage.close();
await reranker.close();
await client.close();
