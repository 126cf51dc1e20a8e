/** What is there, what happens to it, and what is wrong with it. */
import { describe, expect, it } from 'vitest';
import {
  type OpenSearchInstallOptions,
  openSearchStatus,
  readOpenSearchState,
} from '../../../adapters/opensearch/index.ts';
import {
  type MlDoubleOptions,
  mlPlugins,
  privateSetting,
  trustedSetting,
} from '../../support/doubles/opensearch-ml-double.ts';
import { openStack, type Stack, statesOf, trusting } from '../../support/doubles/opensearch-stack.ts';
import { withSearchInHand } from '../../support/servers/search-in-hand.ts';

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

  it('undeploys again a model that a search in hand had deployed meanwhile', async () => {
    const { plan, run, uninstall, double, calls } = await openStack();
    await run(await plan());
    await run(await uninstall(), { calls: withSearchInHand(calls) });
    expect(double.models.size).toBe(0);
    const writes = double.writes.filter((line) => /^DELETE .*\/models\/|_undeploy$/.test(line));
    expect(writes.map((line) => line.replace(/ .*\/models\/[^/]+/, ' '))).toEqual([
      'POST /_undeploy',
      'DELETE ',
      'POST /_undeploy',
      'DELETE ',
    ]);
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
