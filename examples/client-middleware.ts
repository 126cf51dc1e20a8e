/**
 * Reranking inside the client that an application has already: its own `client.search()` calls stay as they are.
 * `ELASTICSEARCH_URL=http://127.0.0.1:9200 INDEX=articles FIELDS=title,body npx tsx examples/client-middleware.ts
 * "food from sunlight"`, or the same with `OPENSEARCH_URL`.
 */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { ElasticsearchResponse } from '../adapters/elasticsearch/index.ts';
import type { OpenSearchResponse } from '../adapters/opensearch/index.ts';
import { openReranker } from '../index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../plugin/middleware/index.ts';

const {
  ELASTICSEARCH_URL = 'http://127.0.0.1:9200',
  OPENSEARCH_URL,
  INDEX: index = 'articles',
  FIELDS = 'title,body',
} = process.env;
const fields = FIELDS.split(',');
const words = process.argv[2] ?? 'food from sunlight';
const query = { multi_match: { query: words, fields } };
const reranker = await openReranker();
// Searches of these indices are reranked; `context: { blockrank: true }` asks for one call, `false` opts one out.
const options = { reranker, fields, indices: [index] };

async function searchElasticsearch(node: string): Promise<ElasticsearchResponse> {
  // Servers that speak plain JSON only (and Elasticsearch 8 behind client 9) want the media types named.
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const client = withElasticsearchReranking(new ElasticsearchClient({ node, headers }), options);
  const response = await client.search({ index, query });
  await client.close();
  return response;
}

async function searchOpenSearch(node: string): Promise<OpenSearchResponse> {
  const client = withOpenSearchReranking(new OpenSearchClient({ node }), options);
  const response = await client.search({ index, body: { query } });
  await client.close();
  return response.body;
}

const { hits, blockrank } = OPENSEARCH_URL
  ? await searchOpenSearch(OPENSEARCH_URL)
  : await searchElasticsearch(ELASTICSEARCH_URL);
for (const hit of hits.hits)
  console.log(`${hit.blockrank?.firstStageRank} -> ${hit.blockrank?.rank}  ${hit._id}`);
console.log(blockrank);
await reranker.close();
