import { Client } from '@opensearch-project/opensearch';
import { adapterSuite } from '../../../plugin/testing/index.ts';
import { describeOverOsmem } from '../../support/servers/osmem.ts';
import { storedStatesSuites } from '../../support/suites/stored-states-subject.ts';
import { openSearchSubject } from '../../support/suites/suite-subjects.ts';

describeOverOsmem('opensearchAdapter over osmem', (url) => {
  adapterSuite({
    name: 'client 3',
    open: () => {
      const client = new Client({ node: url() });
      return { ...openSearchSubject(client, 'suite'), close: () => client.close() };
    },
  });

  storedStatesSuites({
    name: 'client 3',
    url,
    open: (index, states) => {
      const client = new Client({ node: url() });
      return { ...openSearchSubject(client, index, states), close: () => client.close() };
    },
  });
});
