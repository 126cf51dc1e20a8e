/** Settings of the cluster that connectors depend on. */
import { describe, expect, it } from 'vitest';
import { openSearchStatus, readOpenSearchState, trustedPattern } from '../../../adapters/opensearch/index.ts';
import { privateSetting, trustedSetting } from '../../support/doubles/opensearch-ml-double.ts';
import { openStack, serviceUrl, trusting } from '../../support/doubles/opensearch-stack.ts';

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
