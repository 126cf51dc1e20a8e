import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { describe } from 'vitest';
import { describeOverOsmem } from '../../support/servers/osmem.ts';
import {
  elasticsearchMiddlewareSuite,
  opensearchMiddlewareSuite,
} from '../../support/suites/middleware-suite.ts';

const headers = { accept: 'application/json', 'content-type': 'application/json' };

describeOverOsmem('a client with reranking inside', (url) => {
  describe('withElasticsearchReranking', () => {
    elasticsearchMiddlewareSuite(() => new ElasticsearchClient({ node: url(), headers }), 'suite');
  });
  describe('withOpenSearchReranking', () => {
    opensearchMiddlewareSuite(() => new OpenSearchClient({ node: url() }), 'suite');
  });
});
