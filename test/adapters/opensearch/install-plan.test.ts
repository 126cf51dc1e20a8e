/** What installing would send, and what uninstalling would. */
import { describe, expect, it } from 'vitest';
import {
  type OpenSearchInstallOptions,
  openSearchInstallSettings,
} from '../../../adapters/opensearch/index.ts';
import type { ConfigurationError } from '../../../engine/index.ts';
import type { MlDoubleOptions } from '../../support/doubles/opensearch-ml-double.ts';
import { openStack, serviceUrl, statesOf, trusting } from '../../support/doubles/opensearch-stack.ts';

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
