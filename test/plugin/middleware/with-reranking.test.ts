import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe } from 'vitest';
import { elasticsearchMiddlewareSuite, opensearchMiddlewareSuite } from '../../support/middleware-suite.ts';
import { type Osmem, osmemMissing, startOsmem } from '../../support/osmem.ts';
import { indexSuiteDocuments } from '../../support/suite-subjects.ts';

const headers = { accept: 'application/json', 'content-type': 'application/json' };

describe.skipIf(osmemMissing)('a client with reranking inside', () => {
  let server: Osmem;
  beforeAll(async () => {
    server = await startOsmem();
    await indexSuiteDocuments(server.url, 'suite');
  });
  afterAll(() => server.close());

  describe('withElasticsearchReranking', () => {
    elasticsearchMiddlewareSuite(() => new ElasticsearchClient({ node: server.url, headers }), 'suite');
  });
  describe('withOpenSearchReranking', () => {
    opensearchMiddlewareSuite(() => new OpenSearchClient({ node: server.url }), 'suite');
  });
});
