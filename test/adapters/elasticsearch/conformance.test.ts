import { Client } from '@elastic/elasticsearch';
import { Client as Client8 } from 'elasticsearch-8';
import { afterAll, beforeAll, describe } from 'vitest';
import { adapterSuite } from '../../../plugin/testing/index.ts';
import { type Osmem, osmemMissing, startOsmem } from '../../support/osmem.ts';
import { elasticsearchSubject, indexSuiteDocuments } from '../../support/suite-subjects.ts';

// osmem answers 406 to the vendor media types that these clients send unless told otherwise.
const headers = { accept: 'application/json', 'content-type': 'application/json' };

describe.skipIf(osmemMissing)('elasticsearchAdapter over osmem', () => {
  let server: Osmem;
  beforeAll(async () => {
    server = await startOsmem();
    await indexSuiteDocuments(server.url, 'suite');
  });
  afterAll(() => server.close());

  adapterSuite({
    name: 'client 9',
    open: () => {
      const client = new Client({ node: server.url, headers });
      return { ...elasticsearchSubject(client, 'suite'), close: () => client.close() };
    },
  });
  adapterSuite({
    name: 'client 8',
    open: () => {
      const client = new Client8({ node: server.url, headers });
      return { ...elasticsearchSubject(client, 'suite'), close: () => client.close() };
    },
  });
});
