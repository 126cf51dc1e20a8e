/** An installation in the double of OpenSearch: planned, run and removed through a real client. */
import { Client } from '@opensearch-project/opensearch';
import { onTestFinished } from 'vitest';
import {
  type OpenSearchInstallOptions,
  type OpenSearchPlanOptions,
  type OpenSearchUninstallOptions,
  openSearchAdvice,
  openSearchInstallSettings,
  planOpenSearchInstall,
  planOpenSearchUninstall,
  readOpenSearchState,
} from '../../../adapters/opensearch/index.ts';
import {
  type InstallPlan,
  type RunOptions,
  runPlan,
  type ServerCalls,
  serverCalls,
  type TransportOwner,
} from '../../../adapters/server.ts';
import {
  type MlDouble,
  type MlDoubleOptions,
  startMlDouble,
  trustedSetting,
} from './opensearch-ml-double.ts';

export interface Stack {
  readonly double: MlDouble;
  readonly calls: ServerCalls;
  plan(options?: Partial<OpenSearchInstallOptions>, more?: OpenSearchPlanOptions): Promise<InstallPlan>;
  run(plan: InstallPlan, options?: Partial<RunOptions>): Promise<readonly string[]>;
  uninstall(options?: Partial<OpenSearchUninstallOptions>): Promise<InstallPlan>;
}

/** A sleep that ends at once, but lets the server answer. */
const passed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Address of a public-looking service: a private one would need a setting. */
export const serviceUrl = 'https://rerank.example.com';
export const trusting: MlDoubleOptions = {
  settings: { [trustedSetting]: ['^https://rerank\\.example\\.com/.*$'] },
};

/** A stack that is closed when the test is over. */
export async function openStack(options: MlDoubleOptions = trusting): Promise<Stack> {
  const double = await startMlDouble(options);
  const client = new Client({ node: double.url });
  const calls = serverCalls(client as unknown as TransportOwner, 'opensearch');
  onTestFinished(async () => {
    await client.close();
    await double.close();
  });
  return {
    double,
    calls,
    async plan(given = {}, more = {}) {
      const settings = openSearchInstallSettings({
        version: '1.2.3',
        serviceUrl,
        fields: ['title', 'body'],
        ...given,
      });
      const { name, defaultPipelineIndex: index, fields } = settings;
      const state = await readOpenSearchState(calls, name, { index, fields });
      return planOpenSearchInstall(state, settings, more);
    },
    run: (plan, more) => runPlan(plan, { calls, advice: openSearchAdvice, sleep: passed, ...more }),
    async uninstall({ name = 'blockrank', ...given } = {}) {
      return planOpenSearchUninstall(await readOpenSearchState(calls, name), { name, ...given });
    },
  };
}

/** The planned state of each part. */
export const statesOf = ({ parts }: InstallPlan): string[] =>
  parts.map(({ part, state }) => `${part}: ${state}`);
