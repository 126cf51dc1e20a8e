import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../support/programs/run-cli.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';
import { describeInstall } from './install/blockrank-install.ts';
import { describeChanging } from './install/changing.ts';
import { describeClusterSettings } from './install/cluster-settings.ts';
import { describeDefaultPipeline } from './install/default-pipeline.ts';
import { installingOn } from './install/installing-on.ts';
import { describeMisbehaving } from './install/misbehaving.ts';
import { describeProcessorTraps } from './install/processor-traps.ts';
import { describeShippedModel } from './install/shipped-model.ts';
import { describeUnreachable } from './install/unreachable.ts';

describeServers('%s, installing', (choice) => {
  if (choice.product === 'opensearch') describeOpenSearch(choice);
  else describeElasticsearch(choice);
});

/** One server for all of them: it takes most of a minute to start. */
function describeOpenSearch(choice: ServerChoice): void {
  const at = installingOn(choice);
  describeInstall(at);
  describeChanging(at);
  describeClusterSettings(at);
  describeMisbehaving(at);
  describeProcessorTraps(at);
  describeDefaultPipeline(at);
  describeShippedModel(at);
  describeUnreachable(at);
}

function describeElasticsearch(choice: ServerChoice): void {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(choice);
  });
  afterAll(() => server?.close());

  it('says plainly that this server has no inference API, its licence, and what works instead', async () => {
    const compatible = choice.version.startsWith('8.') ? ['--compatible-with', '8'] : [];
    const args = ['--elasticsearch', server.url, ...compatible, '--service', 'http://blockrank:8080'];
    const { code, stderr } = await runCli(['install', 'elasticsearch', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain('no handler found for uri [/_inference/rerank/blockrank]');
    expect(stderr).toContain('runs without the module "x-pack-inference"');
    expect(stderr).toContain('It has a basic licence.');
    expect(stderr).toContain('blockrank proxy');
  });
}
