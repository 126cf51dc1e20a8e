/**
 * Reranking an OpenSearch index: `OPENSEARCH_URL=http://127.0.0.1:9200 INDEX=articles FIELDS=title,body
 * npx tsx examples/rescore-opensearch.ts "food from sunlight"`.
 */
import { Client } from '@opensearch-project/opensearch';
import { opensearchAdapter } from '../adapters/opensearch/index.ts';
import { openReranker, rescoringStage } from '../index.ts';

const {
  OPENSEARCH_URL: node = 'http://127.0.0.1:9200',
  INDEX: index = 'articles',
  FIELDS = 'title,body',
} = process.env;
const fields = FIELDS.split(',');
const query = process.argv[2] ?? 'food from sunlight';
const client = new Client({ node });
const reranker = await openReranker();
const stage = rescoringStage({ adapter: opensearchAdapter({ client, fields }), reranker });
const response = await stage.search({ index, body: { query: { multi_match: { query, fields } } } });
for (const hit of response.hits.hits)
  console.log(`${hit.blockrank?.firstStageRank} -> ${hit.blockrank?.rank}  ${hit._id}`);
console.log(response.blockrank);
await stage.close();
await reranker.close();
await client.close();
