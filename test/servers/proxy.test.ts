import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { expect, it } from 'vitest';
import { detectServer } from '../../plugin/proxy/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import type { ServerChoice } from '../support/servers/start.ts';
import { suiteServer } from '../support/servers/suite-server.ts';
import {
  byteForByteSuite,
  type Cluster,
  elasticsearchProxySuite,
  opensearchProxySuite,
} from '../support/suites/proxy-suite.ts';

describeServers('a proxy before %s', (choice) => describeProxy(choice, { url: suiteServer(choice) }));

function describeProxy({ product, version }: ServerChoice, cluster: Cluster): void {
  it('knows which product the cluster is', async () => {
    expect(await detectServer(cluster.url(), { timeoutMs: 5000 })).toBe(product);
  });

  if (product === 'opensearch') {
    opensearchProxySuite(
      cluster,
      (node, compression) => new OpenSearchClient({ node, ...(compression && { compression: 'gzip' }) }),
    );
  } else {
    const type = 'application/vnd.elasticsearch+json; compatible-with=8';
    const headers = version.startsWith('8.') ? { headers: { accept: type, 'content-type': type } } : {};
    elasticsearchProxySuite(
      cluster,
      (node, compression) => new ElasticsearchClient({ node, compression, ...headers }),
    );
  }
  byteForByteSuite(cluster);
}
