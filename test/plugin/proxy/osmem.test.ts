import { Client } from '@opensearch-project/opensearch';
import { describeOverOsmem } from '../../support/osmem.ts';
import { byteForByteSuite, type Cluster, opensearchProxySuite } from './client-suites.ts';

describeOverOsmem('a proxy before an in-memory OpenSearch', (url) => {
  const cluster: Cluster = { url, lacks: ['exact longs'] };
  opensearchProxySuite(
    cluster,
    (node, compression) => new Client({ node, ...(compression && { compression: 'gzip' }) }),
  );
  byteForByteSuite(cluster);
});
