import { Client } from '@opensearch-project/opensearch';
import { describeOverOsmem } from '../../support/servers/osmem.ts';
import { byteForByteSuite, type Cluster, opensearchProxySuite } from '../../support/suites/proxy-suite.ts';

describeOverOsmem('a proxy before an in-memory OpenSearch', (url) => {
  const cluster: Cluster = { url, lacks: ['exact longs'] };
  opensearchProxySuite(
    cluster,
    (node, compression) => new Client({ node, ...(compression && { compression: 'gzip' }) }),
  );
  byteForByteSuite(cluster);
});
