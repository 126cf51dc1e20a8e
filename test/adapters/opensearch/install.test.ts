import { describe, expect, it } from 'vitest';
import {
  type OpenSearchInstallOptions,
  openSearchInstallSettings,
  openSearchStatus,
  readOpenSearchState,
  trustedPattern,
} from '../../../adapters/opensearch/index.ts';
import type { ConfigurationError } from '../../../engine/index.ts';
import {
  type MlDoubleOptions,
  mlPlugins,
  privateSetting,
  trustedSetting,
} from '../../support/doubles/opensearch-ml-double.ts';
import {
  openStack,
  type Stack,
  serviceUrl,
  statesOf,
  trusting,
} from '../../support/doubles/opensearch-stack.ts';

describe('planOpenSearchInstall', () => {
  it('makes connector, model and pipeline, in this order', async () => {
    const { plan, run, double } = await openStack();
    const wanted = await plan();
    expect(statesOf(wanted)).toEqual(['connector: absent', 'model: absent', 'pipeline: absent']);
    await run(wanted);
    expect(double.writes).toEqual([
      'POST /_plugins/_ml/connectors/_create',
      'POST /_plugins/_ml/models/_register?deploy=true',
      'PUT /_search/pipeline/blockrank',
    ]);
    const [modelId] = [...double.models.keys()];
    expect(JSON.stringify(double.pipelines.get('blockrank'))).toContain(`"model_id":"${modelId}"`);
  });

  it('has nothing to send after it was run', async () => {
    const { plan, run } = await openStack();
    await run(await plan({ serviceKey: 'K' }));
    const again = await plan({ serviceKey: 'K' });
    expect(again.steps).toEqual([]);
    expect(statesOf(again)).toEqual(['connector: unchanged', 'model: unchanged', 'pipeline: unchanged']);
  });

  it('names the version in tags and marks, so that a new version changes the pipeline alone', async () => {
    const { plan, run, double } = await openStack();
    await run(await plan());
    expect(JSON.stringify(double.pipelines.get('blockrank'))).toContain('"tag":"blockrank-1.2.3"');
    const next = await plan({ version: '1.2.4' });
    expect(statesOf(next)).toEqual(['connector: unchanged', 'model: unchanged', 'pipeline: changed']);
    expect(next.steps.map(({ does }) => does)).toEqual(['change search pipeline "blockrank"']);
  });

  it('changes the pipeline in place when only fields, window or failures change', async () => {
    const { plan, run } = await openStack();
    await run(await plan());
    const next = await plan({ fields: ['body'], rankWindowSize: 50, ignoreFailure: false });
    expect(next.steps).toHaveLength(1);
    expect(next.parts.at(-1)!.differences).toEqual([
      'request_processors[0].oversample.sample_factor: 10 -> 5',
      'response_processors[0].rerank.ignore_failure: true -> false',
      'response_processors[0].rerank.context.document_fields: ["title","body"] -> ["body"]',
    ]);
  });

  it.each<[string, Partial<OpenSearchInstallOptions>, string]>([
    ['address', { serviceUrl: `${serviceUrl}/v2` }, 'actions[0].url'],
    ['read timeout', { readTimeoutSeconds: 3 }, 'client_config.read_timeout: 10 -> 3'],
    ['model', { model: 'm' }, 'parameters.model: nothing -> "m"'],
    ['reader', { reader: 'lenient' }, 'actions[0].post_process_function'],
    ['key', { serviceKey: 'K2' }, 'credential: another key (not shown)'],
  ])(
    'makes a new connector beside the old one when the %s changes, and deletes the old one last',
    async (_name, options, difference) => {
      const { plan, run, double } = await openStack();
      await run(await plan({ serviceKey: 'K1' }));
      double.writes.length = 0;
      const next = await plan({ serviceKey: 'K1', ...options });
      expect(next.parts[0]!.differences.join('\n')).toContain(difference);
      // Searches in hand may still wait for the old model: its read timeout, and a second.
      expect(next.steps.map(({ pauseMs }) => pauseMs ?? 0)).toEqual([0, 0, 0, 0, 11_000, 0, 0]);
      await run(next);
      expect(double.writes.map((line) => line.replace(/[\w-]*-\d+-\d+/, 'ID'))).toEqual([
        'POST /_plugins/_ml/connectors/_create',
        'POST /_plugins/_ml/models/_register?deploy=true',
        'PUT /_search/pipeline/blockrank',
        'POST /_plugins/_ml/models/ID/_undeploy',
        'DELETE /_plugins/_ml/models/ID',
        'DELETE /_plugins/_ml/connectors/ID',
      ]);
      expect([double.connectors.size, double.models.size]).toEqual([1, 1]);
    },
  );

  it('finds a connector that somebody changed by hand', async () => {
    const { plan, run, double } = await openStack();
    await run(await plan());
    const [[id, source]] = [...double.connectors] as [[string, Record<string, unknown>]];
    double.connectors.set(id, {
      ...source,
      client_config: { ...(source['client_config'] as object), read_timeout: 99 },
    });
    const next = await plan();
    expect(next.parts[0]).toMatchObject({
      state: 'changed',
      differences: ['client_config.read_timeout: 99 -> 10'],
    });
  });

  it('deploys a model again that somebody undeployed', async () => {
    const { plan, run, double } = await openStack();
    await run(await plan());
    const [[id, source]] = [...double.models] as [[string, object]];
    double.models.set(id, { ...source, model_state: 'UNDEPLOYED' });
    const next = await plan();
    expect(next.steps.map(({ does }) => does)).toEqual([`deploy model "${id}"`]);
    await run(next);
    expect((await plan()).steps).toEqual([]);
  });

  it('leaves what somebody else made, and says so', async () => {
    const { plan, run, double } = await openStack();
    double.connectors.set('theirs', { name: 'blockrank', description: 'mine' });
    double.models.set('their-model', { name: 'blockrank', description: 'mine', model_state: 'DEPLOYED' });
    const wanted = await plan();
    expect(wanted.warnings.join()).toContain('Somebody else made connector theirs, model their-model');
    await run(wanted);
    expect([double.connectors.has('theirs'), double.models.has('their-model')]).toEqual([true, true]);
  });

  it('refuses a pipeline of somebody else', async () => {
    const { plan, double } = await openStack();
    double.pipelines.set('blockrank', { response_processors: [] });
    const { blockers, parts, steps } = await plan();
    expect(blockers[0]).toEqual({
      path: '--name',
      message: expect.stringContaining('somebody else made a search pipeline of this name'),
    });
    expect(parts.at(-1)).toMatchObject({ part: 'pipeline', state: 'foreign' });
    expect(steps.some(({ request }) => request.path.includes('pipeline'))).toBe(false);
  });

  it('writes no sign into descriptions that the server refuses', async () => {
    // The double checks as 3.6 does; the mark has to be read again all the same.
    const { plan, run, double } = await openStack();
    await run(await plan({ serviceKey: 'K' }));
    const [{ description }] = [...double.connectors.values()] as [{ description: string }];
    expect(description).toMatch(/^Made by blockrank 1\.2\.3 \(digest: [0-9a-f]{32}, key: [0-9a-f]{32}\)$/);
  });

  it('sends a credential even without a key, and no header then', async () => {
    const { plan } = await openStack();
    const { body } = (await plan()).steps[0]!.request as {
      body: { credential: object; actions: [{ headers: object }] };
    };
    expect(body.credential).toEqual({ key: 'none' });
    expect(body.actions[0].headers).toEqual({});
  });

  it('widens nothing where the server has no oversample', async () => {
    const widens = async (options: MlDoubleOptions): Promise<boolean> => {
      const { plan } = await openStack({ ...trusting, ...options });
      return 'request_processors' in (await plan()).steps.at(-1)!.request.body!;
    };
    expect(await widens({ processors: ['rerank'] })).toBe(false);
    // A version that does not name its processors has them since 2.12.
    expect(await widens({ processors: undefined, version: '2.12.0' })).toBe(true);
    // A pipeline runs on whatever node is asked: one that lacks them would fail its searches.
    expect(await widens({ processorsOfSecondNode: ['rerank'] })).toBe(false);
  });
});

describe('cluster settings', () => {
  const setting = { setsClusterSettings: true };

  it('block a plan, each with the call that sets it', async () => {
    const { plan } = await openStack({});
    const { blockers } = await plan({ serviceUrl: 'http://10.1.2.3:8080' });
    expect(blockers.map(({ path }) => path)).toEqual([trustedSetting, privateSetting]);
    expect(blockers[0]!.message).toContain('"^https://api\\\\.openai\\\\.com/.*$"');
    expect(blockers[0]!.message).toContain('"^http://10\\\\.1\\\\.2\\\\.3:8080/.*$"');
    expect(blockers[1]!.message).toContain('PUT /_cluster/settings {"persistent":');
  });

  it('are set with the entries of others kept, before anything is made', async () => {
    const { plan, run, double } = await openStack({});
    await run(await plan({ serviceUrl: 'http://10.1.2.3:8080' }, setting));
    expect(double.writes[0]).toBe('PUT /_cluster/settings');
    expect(double.persistent[trustedSetting]).toEqual([
      '^https://api\\.openai\\.com/.*$',
      '^https://api\\.cohere\\.ai/.*$',
      '^http://10\\.1\\.2\\.3:8080/.*$',
    ]);
    expect(double.persistent[privateSetting]).toBe(true);
  });

  it('are set where they take effect: a transient list hides a persistent one', async () => {
    const { plan } = await openStack({ transient: { [trustedSetting]: ['^https://a/.*$'] } });
    expect((await plan({}, setting)).steps[0]!.request.body).toEqual({
      transient: { [trustedSetting]: ['^https://a/.*$', trustedPattern(`${serviceUrl}/v1/rerank`)] },
    });
  });

  it('that were changed have the model deployed again, for some versions read them only then', async () => {
    const { plan, run, double } = await openStack(trusting);
    await run(await plan());
    const url = 'http://blockrank:8080';
    double.persistent[trustedSetting] = ['.*'];
    double.persistent[privateSetting] = 'true';
    await run(await plan({ serviceUrl: url }));
    double.persistent[privateSetting] = 'false';
    const next = await plan({ serviceUrl: url }, setting);
    expect(next.steps.map(({ request }) => request.path.replace(/models\/[^/]+/, 'models/ID'))).toEqual([
      '/_cluster/settings',
      '/_plugins/_ml/models/ID/_undeploy',
      '/_plugins/_ml/models/ID/_deploy',
    ]);
  });

  it('that cannot be read are taken as they should be: the server will tell', async () => {
    const { plan } = await openStack({ hidesSettings: true });
    expect((await plan({ serviceUrl: 'http://10.1.2.3:8080' })).blockers).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['plugins.ml_commons.remote_inference.enabled', 'false'],
    ['plugins.ml_commons.task_dispatcher.eligible_node_role.remote_model', undefined],
  ])('are named when reranking needs them otherwise: %s', async (name, value) => {
    const { plan } = await openStack({ settings: { ...trusting.settings, [name]: value } });
    const [blocker] = (await plan()).blockers;
    // Versions without node roles for remote models run them on ML nodes alone.
    expect(blocker!.path).toBe(value === undefined ? 'plugins.ml_commons.only_run_on_ml_node' : name);
  });

  it('go by the list of private addresses where a version has one', async () => {
    const name = 'plugins.ml_commons.trusted_connector_private_endpoints_regex';
    const settings = { [trustedSetting]: ['.*'], [name]: ['^http://a/.*$'] };
    const { plan } = await openStack({ settings });
    const [step] = (await plan({ serviceUrl: 'http://blockrank:8080' }, setting)).steps;
    expect(step!.request.body).toEqual({
      persistent: { [name]: ['^http://a/.*$', '^http://blockrank:8080/.*$'] },
    });
    expect((await plan({ serviceUrl: 'http://a' })).blockers).toEqual([]);
  });

  it.each([
    ['http://localhost:8080', true],
    ['http://blockrank:8080', true],
    ['http://172.20.1.1', true],
    ['http://172.32.1.1', false],
    ['http://192.168.0.9', true],
    ['http://[::1]:80', true],
    ['http://[2001:db8::1]', false],
    ['http://rerank.prod.svc', true],
    ['https://rerank.example.com', false],
  ])('tell private addresses by their looks: %s', async (address, isPrivate) => {
    const { plan } = await openStack({ settings: { [trustedSetting]: ['.*'] } });
    const paths = (await plan({ serviceUrl: address })).blockers.map(({ path }) => path);
    expect(paths).toEqual(isPrivate ? [privateSetting] : []);
  });

  it('lose exactly our entry, and say so before', async () => {
    const { plan, run, uninstall, double } = await openStack({});
    await run(await plan({}, setting));
    const [warning] = (await uninstall()).warnings;
    expect(warning).toContain('keeps the entry ^https://rerank\\.example\\.com/.*$');
    const removal = await uninstall({ setsClusterSettings: true });
    expect(removal.parts.at(-1)).toEqual({
      part: 'cluster setting',
      name: trustedSetting,
      state: 'changed',
      differences: ['loses "^https://rerank\\\\.example\\\\.com/.*$"'],
    });
    await run(removal);
    expect(double.persistent[trustedSetting]).toEqual([
      '^https://api\\.openai\\.com/.*$',
      '^https://api\\.cohere\\.ai/.*$',
    ]);
  });

  it('are unset when our entry was the only one: an empty list would trust nobody', async () => {
    const { plan, run, uninstall, double } = await openStack({});
    double.persistent[trustedSetting] = [trustedPattern(serviceUrl)];
    await run(await plan());
    await run(await uninstall({ setsClusterSettings: true }));
    expect(double.persistent).toEqual({});
  });

  it('lose the entries of all our connectors in one call, for each call writes the whole list', async () => {
    const { plan, run, uninstall, double } = await openStack({});
    await run(await plan({}, setting));
    // What an interrupted run left: a second connector of the name, to another address.
    const second = await plan({ serviceUrl: 'https://second.example.com' }, setting);
    await run({ ...second, steps: second.steps.slice(0, 2) });
    await run(await uninstall({ setsClusterSettings: true }));
    expect(double.persistent[trustedSetting]).toEqual([
      '^https://api\\.openai\\.com/.*$',
      '^https://api\\.cohere\\.ai/.*$',
    ]);
  });

  it('keep our entry while a connector of another name calls the same service', async () => {
    const { plan, run, uninstall, double } = await openStack({});
    await run(await plan({ name: 'a' }, setting));
    await run(await plan({ name: 'b' }));
    const removal = await uninstall({ name: 'a', setsClusterSettings: true });
    expect(removal.warnings.join()).toMatch(/keeps the entry.*connector .* \("b"\) calls the same service/);
    await run(removal);
    expect(double.persistent[trustedSetting]).toContain(trustedPattern(serviceUrl));
    await run(await uninstall({ name: 'b', setsClusterSettings: true }));
    expect(double.persistent[trustedSetting]).not.toContain(trustedPattern(serviceUrl));
  });

  it('need trust only when a connector is made: one that is there is called without', async () => {
    const { plan, run, double, calls } = await openStack({});
    await run(await plan({}, setting));
    double.persistent[trustedSetting] = ['^https://elsewhere/.*$'];
    expect((await plan({ fields: ['body'] })).blockers).toEqual([]);
    expect((await plan({}, setting)).steps).toEqual([]);
    expect((await plan({ serviceKey: 'K' })).blockers.map(({ path }) => path)).toEqual([trustedSetting]);
    const { parts } = openSearchStatus(await readOpenSearchState(calls, 'blockrank'), 'blockrank');
    expect(parts.filter(({ isFault }) => isFault)).toEqual([]);
  });
});

describe('readOpenSearchState', () => {
  it.each(mlPlugins.slice(2))('names the plugin %s where it is missing', async (plugin) => {
    const { plan } = await openStack({ plugins: mlPlugins.filter((one) => one !== plugin) });
    await expect(plan()).rejects.toThrow(
      new RegExp(`${plugin}: this plugin .*is not installed.*managed services`),
    );
  });

  it('refuses versions without the processor', async () => {
    const { plan } = await openStack({ version: '2.11.1' });
    await expect(plan()).rejects.toThrow('OpenSearch 2.11.1 cannot rerank');
  });

  it('names an index that is not there', async () => {
    const { plan } = await openStack();
    await expect(plan({ defaultPipelineIndex: 'nowhere' })).rejects.toThrow('no such index [nowhere]');
  });

  it('tells who may not read', async () => {
    const { plan } = await openStack({ authorization: 'Basic x' });
    await expect(plan()).rejects.toThrow(/status 401.*The cluster does not know who asks: check --username/);
  });
});

describe('runPlan', () => {
  it('ends with the task that failed, and why', async () => {
    const { plan, run } = await openStack({ ...trusting, taskState: 'FAILED' });
    await expect(run(await plan())).rejects.toThrow(
      'Waiting for the model\'s registration failed: it ended as "FAILED": the node ran out of memory',
    );
  });

  it('waits no longer than it may for the deployment, and a later run goes on from there', async () => {
    const { plan, run, double } = await openStack({ ...trusting, deployedState: 'DEPLOYING' });
    await expect(run(await plan(), { waitMs: 20 })).rejects.toThrow('after 0.02 s it was still "DEPLOYING"');
    expect(double.pipelines.size).toBe(0);
    const next = await plan();
    expect(statesOf(next)).toEqual(['connector: unchanged', 'model: changed', 'pipeline: absent']);
  });

  it('stops when it is told to', async () => {
    const { plan, run, double } = await openStack({ ...trusting, deployedState: 'DEPLOYING' });
    const signal = AbortSignal.timeout(50);
    await expect(run(await plan(), { signal })).rejects.toThrow();
    expect(double.pipelines.size).toBe(0);
  });

  it('says what to do when the server refuses the address', async () => {
    const { plan, run } = await openStack({ hidesSettings: true });
    await expect(run(await plan())).rejects.toThrow(/not matching the trusted.*--set-cluster-settings does/);
  });

  it('repeats a deletion until the server has noticed that the model is undeployed', async () => {
    const { plan, run, uninstall, double } = await openStack({ ...trusting, lagsBehindUndeploying: 3 });
    await run(await plan());
    await run(await uninstall());
    expect(double.models.size).toBe(0);
    expect(double.writes.filter((line) => /^DELETE .*models/.test(line))).toHaveLength(4);
  });

  it('leaves a connector that the server mistakes for one in use, and tries again next time', async () => {
    const { plan, run, double } = await openStack({ ...trusting, mistakesConnectors: true });
    await run(await plan());
    const left = await run(await plan({ serviceKey: 'K' }));
    expect(left).toEqual([expect.stringContaining('stays: the server takes it to be in use')]);
    const next = await plan({ serviceKey: 'K' });
    expect(statesOf(next).at(-1)).toBe('connector: surplus');
    expect(next.steps).toHaveLength(1);
    expect(double.models.size).toBe(1);
  });
});

describe('warnings', () => {
  const warningsOf = async (
    options: Partial<OpenSearchInstallOptions>,
    double?: MlDoubleOptions,
  ): Promise<string> => {
    const { plan } = await openStack({ ...trusting, ...double });
    return (await plan(options)).warnings.join('\n');
  };

  it('are loud about a default pipeline that fails', async () => {
    const strict = await warningsOf({ defaultPipelineIndex: 'docs', ignoreFailure: false });
    expect(strict).toMatch(
      /^DANGER: .*"ext\.rerank", _count, scroll, _delete_by_query.*500.*search_pipeline=_none/,
    );
    expect(await warningsOf({ defaultPipelineIndex: 'docs' })).toMatch(/^Index "docs".*counts as a failure/);
  });

  it.each<[string, Partial<OpenSearchInstallOptions>, MlDoubleOptions, RegExp]>([
    ['failures are passed over', {}, {}, /says nothing.*verbose_pipeline=true/],
    ['searches fail', { ignoreFailure: false }, {}, /"track_total_hits": false \(500\).*"size": 0 \(400\)/],
    ['several fields', {}, {}, /without a separator/],
    [
      'fields inside objects on 2.x',
      { fields: ['a.b'] },
      { version: '2.19.6' },
      /ignores fields inside objects.*a\.b/,
    ],
    ['_source', {}, {}, /"_source" leaves the fields out gives the model empty text/],
    ['the window', {}, {}, /one for 50 reranks 500.*Pages overlap.*Scrolls/],
    ['no window', {}, { processors: ['rerank'] }, /no "oversample"/],
    ['a missing field', { fields: ['x'], defaultPipelineIndex: 'docs' }, {}, /Index "docs" has no field x/],
    [
      'access control',
      {},
      { settings: { ...trusting.settings, 'plugins.ml_commons.model_access_control_enabled': 'true' } },
      /Model access control is on/,
    ],
  ])('say what to know: %s', async (_name, options, double, warning) => {
    expect(await warningsOf(options, double)).toMatch(warning);
  });

  it('do not speak of separators with one field, nor of objects on 3.x', async () => {
    const text = await warningsOf({ fields: ['a.b'] });
    expect(text).not.toMatch(/separator|inside objects/);
  });
});

describe('planOpenSearchUninstall', () => {
  it('removes pipeline, model, connector and group, in this order', async () => {
    const { plan, run, uninstall, double } = await openStack();
    await run(await plan());
    double.writes.length = 0;
    await run(await uninstall());
    expect(double.writes.map((line) => line.replace(/(?:group-)?[\w]+-\d+-\d+/, 'ID'))).toEqual([
      'DELETE /_search/pipeline/blockrank',
      'POST /_plugins/_ml/models/ID/_undeploy',
      'DELETE /_plugins/_ml/models/ID',
      'DELETE /_plugins/_ml/connectors/ID',
      'DELETE /_plugins/_ml/model_groups/ID',
    ]);
    expect(
      [double.connectors, double.models, double.groups, double.pipelines].map(({ size }) => size),
    ).toEqual([0, 0, 0, 0]);
    expect((await uninstall()).steps).toEqual([]);
  });

  it('refuses while an index has the pipeline as default, unless forced', async () => {
    const { plan, run, uninstall, double } = await openStack();
    await run(await plan({ defaultPipelineIndex: 'docs' }));
    expect((await uninstall()).blockers).toEqual([
      { path: 'docs', message: expect.stringContaining('every search there would answer 400: give --force') },
    ]);
    await run(await uninstall({ isForced: true }));
    expect(double.defaults.get('docs')).toBeUndefined();
    expect(double.pipelines.size).toBe(0);
  });

  it('refuses while another pipeline uses the model', async () => {
    const { plan, run, uninstall, double } = await openStack();
    await run(await plan());
    double.pipelines.set('other', { uses: [...double.models.keys()][0] });
    expect((await uninstall()).blockers[0]).toMatchObject({ path: 'other' });
  });

  it('leaves what somebody else made', async () => {
    const { uninstall, double } = await openStack();
    double.pipelines.set('blockrank', { response_processors: [] });
    double.connectors.set('theirs', { name: 'blockrank', description: 'mine' });
    double.defaults.set('docs', 'blockrank');
    for (const isForced of [false, true]) {
      const removal = await uninstall({ isForced });
      expect([removal.steps, removal.blockers]).toEqual([[], []]);
      expect(removal.warnings[0]).toContain('left alone');
    }
  });
});

describe('openSearchStatus', () => {
  it('tells each part, present or absent', async () => {
    const { plan, run, calls } = await openStack();
    const read = async (): Promise<string[]> =>
      openSearchStatus(await readOpenSearchState(calls, 'blockrank'), 'blockrank').parts.map(
        ({ part, state }) => `${part}: ${state}`,
      );
    expect(await read()).toEqual([
      'connector: absent',
      'model: absent',
      'pipeline: absent',
      'default pipeline: absent',
    ]);
    await run(await plan({ defaultPipelineIndex: 'docs' }));
    expect(await read()).toEqual([
      'connector: present',
      'model: deployed',
      'pipeline: present',
      'cluster settings: present',
      'default pipeline: present',
    ]);
  });
});

describe('a fault of a part', () => {
  const faultsOf = async ({ calls }: Pick<Stack, 'calls'>): Promise<string[]> =>
    openSearchStatus(await readOpenSearchState(calls, 'blockrank'), 'blockrank')
      .parts.filter(({ isFault }) => isFault)
      .map(({ part, state, detail }) => `${part} ${state}: ${detail}`);

  it('is a model whose deployment failed, and not one that the server will deploy when it is asked', async () => {
    const { plan, run, double, calls } = await openStack();
    await run(await plan());
    const [[id, source]] = [...double.models] as [[string, object]];
    double.models.set(id, { ...source, model_state: 'UNDEPLOYED' });
    expect(await faultsOf({ calls })).toEqual([]);
    double.models.set(id, { ...source, model_state: 'DEPLOY_FAILED' });
    expect(await faultsOf({ calls })).toEqual([`model not deployed: ${id}, DEPLOY_FAILED`]);
  });

  it('is a cluster setting that keeps the cluster from the service', async () => {
    const { plan, run, double, calls } = await openStack({ settings: { [trustedSetting]: ['.*'] } });
    double.persistent[privateSetting] = 'true';
    await run(await plan({ serviceUrl: 'http://blockrank:8080' }));
    expect(await faultsOf({ calls })).toEqual([]);
    double.persistent[privateSetting] = 'false';
    expect(await faultsOf({ calls })).toEqual([
      `cluster settings changed: ${privateSetting}: "blockrank" is a private address`,
    ]);
  });

  it('is a pipeline without a rerank processor, whoever made it', async () => {
    const { plan, run, double, calls } = await openStack();
    await run(await plan());
    double.pipelines.set('blockrank', { description: 'mine', response_processors: [] });
    expect(await faultsOf({ calls })).toEqual([
      'pipeline foreign: "blockrank" has no rerank processor: its searches are not reranked; somebody else made it',
    ]);
  });
});

describe('openSearchInstallSettings', () => {
  it('lists every option that cannot be', () => {
    try {
      openSearchInstallSettings({
        version: '1',
        serviceUrl: 'blockrank',
        fields: [],
        name: 'Not a name',
        rankWindowSize: 3,
        readTimeoutSeconds: 0.5,
      });
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigurationError).issues.map(({ path }) => path)).toEqual([
        'serviceUrl',
        'name',
        'fields',
        'rankWindowSize',
        'readTimeoutSeconds',
      ]);
    }
  });

  it('takes at most as many fields as the server does', () => {
    const fields = Array.from({ length: 51 }, (_, i) => `f${i}`);
    expect(() => openSearchInstallSettings({ version: '1', serviceUrl, fields })).toThrow('at most 50');
  });

  it('gives everything its default', () => {
    expect(openSearchInstallSettings({ version: '1', serviceUrl, fields: ['a'] })).toMatchObject({
      name: 'blockrank',
      url: `${serviceUrl}/v1/rerank`,
      rankWindowSize: 100,
      ignoreFailure: true,
      readTimeoutSeconds: 10,
      reader: 'cohere',
    });
  });
});
