import { Client } from '@elastic/elasticsearch';
import { Client as Client8 } from 'elasticsearch-8';
import { adapterSuite } from '../../../plugin/testing/index.ts';
import { describeOverOsmem } from '../../support/servers/osmem.ts';
import { storedStatesSuites } from '../../support/suites/stored-states-subject.ts';
import { elasticsearchSubject } from '../../support/suites/suite-subjects.ts';

// osmem answers 406 to the vendor media types that these clients send unless told otherwise.
const headers = { accept: 'application/json', 'content-type': 'application/json' };

describeOverOsmem('elasticsearchAdapter over osmem', (url) => {
  adapterSuite({
    name: 'client 9',
    open: () => {
      const client = new Client({ node: url(), headers });
      return { ...elasticsearchSubject(client, 'suite'), close: () => client.close() };
    },
  });
  adapterSuite({
    name: 'client 8',
    open: () => {
      const client = new Client8({ node: url(), headers });
      return { ...elasticsearchSubject(client, 'suite'), close: () => client.close() };
    },
  });

  storedStatesSuites({
    name: 'client 9',
    url,
    open: (index, states) => {
      const client = new Client({ node: url(), headers });
      return { ...elasticsearchSubject(client, index, states), close: () => client.close() };
    },
  });
});
