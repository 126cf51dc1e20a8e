import { Client } from '@elastic/elasticsearch';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  endpointDefinition,
  planElasticsearchInstall,
  readElasticsearchState,
  tryEndpoint,
} from '../../../adapters/elasticsearch/index.ts';
import { runPlan, type ServerCalls, serverCalls, type TransportOwner } from '../../../adapters/server.ts';
import { type RerankService, rerankService } from '../../../plugin/service/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type InferenceDouble,
  startInferenceDouble,
} from '../../support/doubles/elasticsearch-inference-double.ts';

/** The service as Elasticsearch would ask it, its answers read as strictly. */
describe.each(['custom', 'hugging_face'] as const)(
  'the real service behind an endpoint of %s',
  (inference) => {
    let elasticsearch: InferenceDouble;
    let service: RerankService;
    let calls: ServerCalls;
    let client: Client;

    beforeAll(async () => {
      elasticsearch = await startInferenceDouble();
      const config = {
        host: '127.0.0.1',
        port: 0,
        keys: [{ tenant: 'cluster', key: 'K-secret-of-the-cluster' }],
      };
      service = await rerankService({ config, logger: pino({ enabled: false }) });
      const reranker = fakeReranker({ logit: (_candidate, _query, index) => index / 10 });
      service.serve({ config, models: [{ name: 'default', reranker }] });
      client = new Client({ node: elasticsearch.url });
      calls = serverCalls(client as unknown as TransportOwner, 'elasticsearch');
      const serviceKey = 'K-secret-of-the-cluster';
      const wanted = endpointDefinition({ serviceUrl: service.url, inference, serviceKey });
      await runPlan(planElasticsearchInstall(await readElasticsearchState(calls, wanted.id), wanted), {
        calls,
      });
    });
    afterAll(async () => {
      await client?.close();
      await service?.close();
      await elasticsearch?.close();
    });

    it('answers the test call', async () => {
      expect(await tryEndpoint(calls, 'blockrank')).toHaveLength(2);
    });

    it.each([1, 10, 100])(
      'ranks a window of %i, in order after the transform of the retriever',
      async (length) => {
        const texts = Array.from({ length }, (_, i) => `document "${i}"\nwith two lines`);
        const ranked = await elasticsearch.retrieve('blockrank', 'which "document"?', texts);
        expect(ranked.map(({ index }) => index)).toEqual(Array.from({ length }, (_, i) => length - 1 - i));
        const scores = ranked.map(({ score }) => score);
        expect(scores.every((score, i) => score > 0 && (i === 0 || score < scores[i - 1]!))).toBe(true);
      },
    );
  },
);
