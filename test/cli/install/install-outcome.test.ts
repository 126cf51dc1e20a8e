/** What `blockrank install`, `status` and `uninstall` say when things are not as they should be. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSearchInstallSettings } from '../../../adapters/opensearch/index.ts';
import type { ServerCalls } from '../../../adapters/server.ts';
import { tryInstallation } from '../../../plugin/cli/install/installation-trial.ts';
import { openSearchReport } from '../../../plugin/cli/install/status-opensearch.ts';
import {
  type InferenceDouble,
  type InferenceDoubleOptions,
  startInferenceDouble,
} from '../../support/doubles/elasticsearch-inference-double.ts';
import {
  type MlDouble,
  type MlDoubleOptions,
  privateSetting,
  startMlDouble,
  trustedSetting,
} from '../../support/doubles/opensearch-ml-double.ts';
import { openStack, serviceUrl, trusting } from '../../support/doubles/opensearch-stack.ts';
import {
  type RerankServiceDouble,
  startRerankServiceDouble,
} from '../../support/doubles/rerank-service-double.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';

type Command = 'install' | 'status' | 'uninstall';
const wanted = ['--service', serviceUrl, '--field', 'title'];
const away = { status: 500, reason: 'Error communicating with remote model: Connection refused' };

type Run = (command: Command, ...args: string[]) => Promise<CliResult>;

async function openSearch(options: MlDoubleOptions = {}): Promise<{ double: MlDouble; run: Run }> {
  const double = await startMlDouble({ ...trusting, documents: 150, ...options });
  onTestFinished(double.close);
  const server = ['opensearch', '--opensearch', double.url];
  return { double, run: (command, ...args) => runCli([command, ...server, ...args]) };
}

async function elasticsearch(
  options: InferenceDoubleOptions = {},
): Promise<{ double: InferenceDouble; service: RerankServiceDouble; run: Run }> {
  const double = await startInferenceDouble(options);
  const service = await startRerankServiceDouble();
  onTestFinished(double.close);
  onTestFinished(service.close);
  const server = ['elasticsearch', '--elasticsearch', double.url];
  return { double, service, run: (command, ...args) => runCli([command, ...server, ...args]) };
}

describe('blockrank install opensearch', () => {
  it('fails when a whole window is not reranked, although two documents are', async () => {
    const { double, run } = await openSearch();
    double.answerBy(({ documents }) => (documents.length > 50 ? away : documents.map(() => 0.5)));
    const { code, stdout, stderr } = await run('install', ...wanted, '--index', 'docs');
    expect(stdout).toContain('The model answers: two sample documents score');
    expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
    expect(stderr).toMatch(
      /blockrank: Everything was made and stays, but searches are not reranked: .*Connection refused/,
    );
    expect(code).toBe(1);
  });

  it('tells the same as JSON', async () => {
    const { double, run } = await openSearch();
    double.answerBy(({ documents }) => (documents.length > 50 ? away : documents.map(() => 0.5)));
    const { code, stdout } = await run('install', ...wanted, '--index', 'docs', '--json');
    const { probe, modelScores, failure } = JSON.parse(stdout);
    expect(probe.outcome).toBe('swallowed');
    expect(modelScores).toEqual([0.5, 0.5]);
    expect(failure).toContain('Connection refused');
    expect(code).toBe(1);
  });

  it('ends well when the index has no documents yet and the model answers', async () => {
    const { run } = await openSearch({ documents: 0 });
    const { code, stdout } = await run('install', ...wanted, '--index', 'docs');
    expect(stdout).toContain('the index gave no hits; the model answers');
    expect(code).toBe(0);
  });

  it('says that everything was made when the service is away', async () => {
    const { double, run } = await openSearch();
    double.answerBy(() => away);
    const { code, stdout, stderr } = await run('install', ...wanted);
    expect(stdout).toContain('Installed.');
    expect(stderr).toContain(
      'Everything was made and stays, but searches are not reranked: Cannot ask the model',
    );
    expect(stderr).toContain('no service listens there: start it, or correct --service');
    expect(code).toBe(1);
    expect(double.pipelines.has('blockrank')).toBe(true);
  });

  it('warns before anything is sent, also when the run then fails', async () => {
    const { run } = await openSearch({ deployedState: 'DEPLOY_FAILED' });
    const args = [...wanted, '--index', 'docs', '--default-pipeline', '--fail'];
    const { code, stderr } = await run('install', ...args);
    expect(stderr).toMatch(/^warning: DANGER: .*blockrank: create connector.*ended as "DEPLOY_FAILED"/s);
    expect(code).toBe(1);
  });

  it('tells how long it waits before it deletes what searches in hand may ask', async () => {
    const { run } = await openSearch();
    await run('install', ...wanted, '--read-timeout', '1');
    const { stderr } = await run('install', ...wanted, '--read-timeout', '2');
    expect(stderr).toMatch(/undeploy model ".*" \(in 2 s, when the searches in hand have ended\)/);
  });

  it('shows how to search with the index, the field and the words that were given', async () => {
    const { run } = await openSearch();
    const { stdout } = await run('install', ...wanted, '--index', 'docs', '--query', 'wing "flow"');
    expect(stdout).toContain('POST /docs/_search?search_pipeline=blockrank');
    expect(stdout).toContain(
      '{"query":{"match":{"title":"wing \\"flow\\""}},"ext":{"rerank":{"query_context":{"query_text":"wing \\"flow\\""}}}}',
    );
  });

  it('keeps a default pipeline of somebody else, until --force replaces it and uninstall gives it back', async () => {
    const { double, run } = await openSearch();
    double.pipelines.set('theirs', { response_processors: [] });
    double.defaults.set('docs', 'theirs');
    const args = [...wanted, '--index', 'docs', '--default-pipeline'];
    const refused = await run('install', ...args);
    expect(refused.stderr).toMatch(/docs: this index has "theirs" as its default pipeline.*--force/);
    expect([refused.code, double.writes]).toEqual([2, []]);
    expect((await run('install', ...args, '--force')).code).toBe(0);
    expect(double.defaults.get('docs')).toBe('blockrank');
    expect((await run('uninstall', '--force')).code).toBe(0);
    expect(double.defaults.get('docs')).toBe('theirs');
  });

  it('puts the model into the group that --model-group names', async () => {
    const { double, run } = await openSearch();
    await run('install', ...wanted, '--model-group', 'group-of-mine');
    expect([...double.models.values()]).toEqual([
      expect.objectContaining({ model_group_id: 'group-of-mine' }),
    ]);
  });

  it('says of a pipeline of somebody else that it stays', async () => {
    const { double, run } = await openSearch();
    double.pipelines.set('blockrank', { response_processors: [] });
    const { code, stdout, stderr } = await run('install', ...wanted, '--dry-run');
    expect(stdout).toMatch(/pipeline +blockrank: somebody else made it: it stays/);
    expect(stderr).toContain('Cannot install: --name: somebody else made a search pipeline of this name');
    expect(code).toBe(2);
  });

  it('gives every call of its test as long as the read timeout', async () => {
    const { calls, plan, run } = await openStack({ ...trusting, documents: 150 });
    await run(await plan({ readTimeoutSeconds: 60 }));
    const settings = openSearchInstallSettings({
      version: '1.2.3',
      serviceUrl,
      fields: ['body'],
      readTimeoutSeconds: 60,
    });
    const { waits, watched } = watching(calls);
    const { signal } = new AbortController();
    await tryInstallation(watched, { settings, query: 'q', index: 'docs', signal });
    // The model; a search without the pipeline and one with it; the probe, and once more with verbose_pipeline.
    expect(waits).toEqual([65_000, 65_000, 65_000, 65_000, 65_000]);
  });
});

describe('a refusal of the service', () => {
  it.each([
    [401, 'give --service-key'],
    [403, 'another with --service-key'],
  ])('with %i is not taken for one of the cluster', async (status, advice) => {
    const { double, run } = await openSearch();
    double.answerBy(() => ({ status, reason: 'Error from remote service: {"message":"no"}' }));
    const { code, stderr } = await run('install', ...wanted);
    expect(stderr).toContain(advice);
    expect(stderr).not.toMatch(/--username|apiKey|credentials|its rights/);
    expect(code).toBe(1);
  });
});

describe('a refusal of the cluster', () => {
  it('names the options of whoever asks, and not the key of the service', async () => {
    const { run } = await openSearch({ authorization: 'Basic x' });
    const { code, stderr } = await run('install', ...wanted);
    expect(stderr).toMatch(/status 401.*check --username and --password, --api-key/);
    expect(stderr).not.toMatch(/--service-key|apiKey/);
    expect(code).toBe(1);
  });

  it('names --index where the index is missing', async () => {
    const { run } = await openSearch();
    const { stderr } = await run('install', ...wanted, '--index', 'nowhere');
    expect(stderr).toContain('Correct the name of the index (--index)');
  });
});

describe('a server that does not answer', () => {
  it('is spoken of without a client and its options', async () => {
    const args = ['opensearch', '--opensearch', 'http://127.0.0.1:9', ...wanted];
    const { code, stderr } = await runCli(['install', ...args]);
    expect(stderr).toContain('Nothing listens there: check address and port, and that the server runs.');
    expect(stderr).not.toMatch(/client's options|opensearchAdapter/);
    expect(code).toBe(1);
  });
});

describe('blockrank status opensearch', () => {
  it('ends with 1 for an index without documents when the service is away', async () => {
    const { double, run } = await openSearch({ documents: 0 });
    await run('install', ...wanted);
    expect((await run('status', '--index', 'docs')).code).toBe(0);
    double.answerBy(() => away);
    const { code, stdout, stderr } = await run('status', '--index', 'docs');
    expect(stdout).toContain('THE MODEL DOES NOT ANSWER');
    expect(stderr).toContain('no service listens there');
    expect(code).toBe(1);
  });

  it('ends with 1 and the cause when a failure is passed over', async () => {
    const { double, run } = await openSearch();
    await run('install', ...wanted);
    double.answerBy(() => away);
    const { code, stdout, stderr } = await run('status', '--index', 'docs');
    expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
    expect(stderr).toMatch(/Searches are not reranked: .*Connection refused.*start it, or correct --service/);
    expect(code).toBe(1);
  });

  it('ends with 1 when the pipeline has no rerank processor', async () => {
    const { double, run } = await openSearch();
    await run('install', ...wanted);
    double.pipelines.set('blockrank', { response_processors: [] });
    const { code, stderr } = await run('status', '--index', 'docs');
    expect(stderr).toContain('has no rerank processor: its searches are not reranked; somebody else made it');
    expect(code).toBe(1);
  });

  it('ends with 1 when a cluster setting keeps the cluster from the service', async () => {
    const { double, run } = await openSearch({ settings: { [trustedSetting]: ['.*'] } });
    double.persistent[privateSetting] = 'true';
    await run('install', '--service', 'http://blockrank:8080', '--field', 'title');
    expect((await run('status')).code).toBe(0);
    double.persistent[privateSetting] = 'false';
    const { code, stderr } = await run('status');
    expect(stderr).toContain(`${privateSetting}: "blockrank" is a private address`);
    expect(code).toBe(1);
  });

  it('waits for the service as long as the connector does', async () => {
    const { calls, plan, run } = await openStack({ ...trusting, documents: 150 });
    await run(await plan({ readTimeoutSeconds: 60 }));
    const { waits, watched } = watching(calls);
    const flags = { name: 'blockrank', index: 'docs', query: 'q' };
    const { signal } = new AbortController();
    await openSearchReport({ calls: watched, flags, service: undefined, signal });
    expect(waits).toEqual([65_000, 65_000]);
  });

  it('says from where the address of the service is seen', async () => {
    const help = async (command: string): Promise<string> =>
      (await runCli([command, '--help'])).stdout.replaceAll(/\s+/g, ' ');
    const address = '--service <url> address of the reranking service as';
    expect(await help('status')).toContain(`${address} it is reached from here`);
    expect(await help('install')).toContain(`${address} the cluster reaches it`);
  });
});

describe('blockrank uninstall opensearch', () => {
  it('lists the cluster setting that loses an entry', async () => {
    const { run } = await openSearch();
    await run('install', ...wanted);
    const { stdout } = await run('uninstall', '--set-cluster-settings', '--dry-run');
    expect(stdout).toMatch(
      /cluster setting +plugins\.ml_commons\.trusted_connector_endpoints_regex: differs/,
    );
    expect(stdout).toContain('loses "^https://rerank');
  });

  it('warns before anything is sent', async () => {
    const { run } = await openSearch();
    await run('install', ...wanted);
    expect((await run('uninstall')).stderr).toMatch(/^warning: .*keeps the entry.*blockrank: delete/s);
  });
});

describe('blockrank install elasticsearch', () => {
  it('warns before anything is sent', async () => {
    const { service, run } = await elasticsearch();
    const { stderr } = await run('install', '--service', service.url);
    expect(stderr).toMatch(/^warning: .*blockrank: create inference endpoint/s);
  });

  it('says that the endpoint is there when it does not rerank', async () => {
    const { service, run } = await elasticsearch();
    service.behave({ kind: 'drops', count: 1 });
    const { code, stderr } = await run('install', '--service', service.url);
    expect(stderr).toContain('The endpoint "blockrank" is there and stays, but does not rerank: Cannot ask');
    expect(code).toBe(1);
  });

  it('keeps an endpoint that works when the new service does not', async () => {
    const { double, service, run } = await elasticsearch();
    await run('install', '--service', service.url);
    const { code, stderr } = await run('install', '--service', 'http://127.0.0.1:9');
    expect(stderr).toMatch(
      /create inference endpoint "blockrank-trial".*"blockrank" is as it was, and searches go on/s,
    );
    expect(code).toBe(1);
    expect(double.ids()).toEqual(['blockrank']);
    expect((await run('status')).code).toBe(0);
  });
});

describe('blockrank uninstall elasticsearch', () => {
  it('does not delete an endpoint of another service', async () => {
    const { double, run } = await elasticsearch({ foreign: { blockrank: 'cohere' } });
    const { code, stderr } = await run('uninstall', '--force');
    expect(stderr).toContain('of the service "cohere": it stays');
    expect([code, double.ids()]).toEqual([2, ['blockrank']]);
  });
});

describe('blockrank status elasticsearch', () => {
  it('says plainly what a Basic licence cannot do', async () => {
    const { run } = await elasticsearch({ licence: { type: 'basic', status: 'active' } });
    const { code, stdout, stderr } = await run('status');
    expect(stdout).toMatch(/licence +basic, active/);
    expect(stderr).toMatch(/Searches are not reranked: this cluster has a basic licence.*blockrank proxy/);
    expect(code).toBe(1);
  });
});

/** The same calls, and how long those may take that wait for the service. */
function watching(calls: ServerCalls): {
  readonly waits: (number | undefined)[];
  readonly watched: ServerCalls;
} {
  const waits: (number | undefined)[] = [];
  const watched: ServerCalls = {
    server: calls.server,
    request(request, options) {
      if (/_predict|docs\/_search$/.test(request.path)) waits.push(options?.timeoutMs);
      return calls.request(request, options);
    },
  };
  return { waits, watched };
}
