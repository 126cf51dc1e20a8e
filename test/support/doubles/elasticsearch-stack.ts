/** An inference endpoint in the double of Elasticsearch, planned and made through a real client, and a service beside it. */
import { Client } from '@elastic/elasticsearch';
import { onTestFinished } from 'vitest';
import {
  type ElasticsearchInstallOptions,
  elasticsearchAdvice,
  endpointDefinition,
  planElasticsearchInstall,
  readElasticsearchState,
} from '../../../adapters/elasticsearch/index.ts';
import {
  type InstallPlan,
  runPlan,
  type ServerCalls,
  serverCalls,
  type TransportOwner,
} from '../../../adapters/server.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import {
  type InferenceDouble,
  type InferenceDoubleOptions,
  startInferenceDouble,
} from './elasticsearch-inference-double.ts';
import { type RerankServiceDouble, startRerankServiceDouble } from './rerank-service-double.ts';

export interface ElasticsearchStack {
  readonly elasticsearch: InferenceDouble;
  readonly service: RerankServiceDouble;
  readonly calls: ServerCalls;
  /** Installs an endpoint, or the rest of an interrupted installation. */
  install(options?: Partial<ElasticsearchInstallOptions>, isForced?: boolean): Promise<InstallPlan>;
}

/** A stack that is closed when the test is over. @param key - The key that the service demands. */
export async function openElasticsearchStack(
  options: InferenceDoubleOptions = {},
  key?: string,
): Promise<ElasticsearchStack> {
  const elasticsearch = await startInferenceDouble(options);
  const service = await startRerankServiceDouble(key === undefined ? {} : { key });
  const client = new Client({ node: elasticsearch.url });
  const calls = serverCalls(client as unknown as TransportOwner, 'elasticsearch');
  onTestFinished(async () => {
    await Promise.all([client.close(), elasticsearch.close(), service.close()]);
  });
  return {
    elasticsearch,
    service,
    calls,
    async install(given = {}, isForced = false) {
      const wanted = endpointDefinition({ serviceUrl: service.url, ...given });
      const state = await readElasticsearchState(calls, wanted.id);
      const plan = planElasticsearchInstall(state, wanted, { isForced });
      if (plan.blockers.length > 0) throw new ConfigurationError('Cannot install', plan.blockers);
      await runPlan(plan, { calls, advice: elasticsearchAdvice });
      return plan;
    },
  };
}
