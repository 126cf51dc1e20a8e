import { Client } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe } from 'vitest';
import { adapterSuite } from '../../../plugin/testing/index.ts';
import { type Osmem, osmemMissing, startOsmem } from '../../support/osmem.ts';
import { indexSuiteDocuments, openSearchSubject } from '../../support/suite-subjects.ts';

describe.skipIf(osmemMissing)('opensearchAdapter over osmem', () => {
  let server: Osmem;
  beforeAll(async () => {
    server = await startOsmem();
    await indexSuiteDocuments(server.url, 'suite');
  });
  afterAll(() => server.close());

  adapterSuite({
    name: 'client 3',
    open: () => {
      const client = new Client({ node: server.url });
      return { ...openSearchSubject(client, 'suite'), close: () => client.close() };
    },
  });
});
