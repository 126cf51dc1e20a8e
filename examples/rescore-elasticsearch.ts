/**
 * Reranking an Elasticsearch index: `ELASTICSEARCH_URL=http://127.0.0.1:9200 INDEX=articles FIELDS=title,body
 * npx tsx examples/rescore-elasticsearch.ts "food from sunlight"`.
 */
import { Client } from '@elastic/elasticsearch';
import { elasticsearchAdapter } from '../adapters/elasticsearch/index.ts';
import { openReranker, rescoringStage } from '../index.ts';

const {
  ELASTICSEARCH_URL: node = 'http://127.0.0.1:9200',
  INDEX: index = 'articles',
  FIELDS = 'title,body',
} = process.env;
const fields = FIELDS.split(',');
const query = process.argv[2] ?? 'food from sunlight';
// Servers that speak plain JSON only (and Elasticsearch 8 behind client 9) want the media types named.
const headers = { accept: 'application/json', 'content-type': 'application/json' };
const client = new Client({ node, headers });
const reranker = await openReranker();
const stage = rescoringStage({ adapter: elasticsearchAdapter({ client, fields }), reranker });
const response = await stage.search({ index, query: { multi_match: { query, fields } } });
for (const hit of response.hits.hits)
  console.log(`${hit.blockrank?.firstStageRank} -> ${hit.blockrank?.rank}  ${hit._id}`);
console.log(response.blockrank);
await stage.close();
await reranker.close();
await client.close();
