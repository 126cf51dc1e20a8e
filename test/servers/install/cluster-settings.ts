/** Settings of the cluster that keep it from calling a service. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import { type Answered, idsOf } from '../../support/servers/opensearch-installation.ts';
import { type InstallingOn, privateAllowed, rerankedOrder, trusted } from './installing-on.ts';

/** Declares the tests. */
export function describeClusterSettings(at: InstallingOn): void {
  const { search, cli, isVersion2 } = at;

  describe('cluster settings', () => {
    const foreign = '^https://example\\.org/.*$';
    const set = (values: object): Promise<Answered> =>
      at.cluster.ask('PUT', '/_cluster/settings', { persistent: values });
    const listed = async (): Promise<unknown> =>
      (await at.cluster.ask('GET', '/_cluster/settings?flat_settings=true')).body.persistent[trusted];
    beforeEach(() => set({ [trusted]: [foreign], [privateAllowed]: false }));
    afterAll(() => set({ [trusted]: null, [privateAllowed]: null }));

    it('are named with what to set them to, when they keep the cluster from the service', async () => {
      const { code, stderr } = await cli(
        'install',
        '--service',
        at.service.url,
        '--field',
        'body',
        '--name',
        'kept-out',
      );
      expect(code).toBe(2);
      expect(stderr).toContain(`${trusted}: no regular expression of it matches`);
      expect(stderr).toContain(JSON.stringify(foreign));
      expect(stderr).toContain(`${privateAllowed}: "127.0.0.1" is a private address`);
      expect(await listed()).toEqual([foreign]);
    });

    it('keep the entries of others when they are set, and lose exactly ours again', async () => {
      const set = ['--service', at.service.url, '--field', 'body', '--name', 'set', '--set-cluster-settings'];
      const { code } = await cli('install', ...set);
      expect(code).toBe(0);
      const ours = `^${at.service.url.replaceAll('.', '\\.')}/.*$`;
      expect(await listed()).toEqual([foreign, ours]);
      expect(idsOf(await search('set'))).toEqual(rerankedOrder);
      const left = await cli('uninstall', '--name', 'set', '--dry-run');
      expect(left.stderr).toContain(`keeps the entry ${ours}`);
      const removed = await cli('uninstall', '--name', 'set', '--set-cluster-settings');
      expect(removed.stdout).toContain(`loses ${JSON.stringify(ours)}`);
      expect(await listed()).toEqual([foreign]);
    });

    it('keep our entry while another installation calls the same service', async () => {
      const options = ['--service', at.service.url, '--field', 'body', '--set-cluster-settings'];
      await cli('install', ...options, '--name', 'first');
      await cli('install', ...options, '--name', 'second');
      const { stderr } = await cli('uninstall', '--name', 'first', '--set-cluster-settings');
      expect(stderr).toMatch(/keeps the entry.*\("second"\) calls the same service/);
      expect(await listed()).toHaveLength(2);
      await cli('uninstall', '--name', 'second', '--set-cluster-settings');
      expect(await listed()).toEqual([foreign]);
    });

    it('are read for trust only when a connector is made: a model without it goes on, also deployed again', async () => {
      const options = ['--service', at.service.url, '--field', 'body', '--name', 'untrusted'];
      await cli('install', ...options, '--set-cluster-settings');
      await set({ [trusted]: [foreign] });
      const { models } = await readOpenSearchState(at.cluster.calls, 'untrusted');
      await at.cluster.ask('POST', `/_plugins/_ml/models/${models[0]!.id}/_undeploy`);
      const { code, stderr } = await cli('install', ...options, '--field', 'title');
      expect(stderr).toMatch(/deploy model.*change search pipeline/s);
      expect(code).toBe(0);
      expect(idsOf(await search('untrusted'))).toEqual(rerankedOrder);
      await at.cluster.uninstall('untrusted');
    });

    it('refuse an address that is written otherwise: localhost is not 127.0.0.1', async () => {
      await set({ [trusted]: ['^http://127\\.0\\.0\\.1:[0-9]+/.*$'] });
      const plan = await at.cluster.plan({ serviceUrl: at.service.url.replace('127.0.0.1', 'localhost') });
      expect(plan.blockers.map(({ path }) => path)).toContain(trusted);
      const { path, body } = plan.steps[0]!.request;
      const answer = await at.cluster.ask('POST', path, body!);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toContain('not matching the trusted connector endpoint regex');
    });

    it('refuse private addresses only when a model is asked: it deploys all the same', async () => {
      await set({ [trusted]: null });
      const settings = { serviceUrl: at.service.url, name: 'private' };
      const plan = await at.cluster.plan(settings);
      expect(plan.blockers.map(({ path }) => path)).toEqual([privateAllowed]);
      const { connector_id } = (
        await at.cluster.ask('POST', plan.steps[0]!.request.path, plan.steps[0]!.request.body)
      ).body;
      const body = { name: 'private', function_name: 'remote', description: 'd', connector_id };
      const { model_id } = (await at.cluster.ask('POST', '/_plugins/_ml/models/_register?deploy=true', body))
        .body;
      const predict = (): Promise<Answered> =>
        at.cluster.ask('POST', `/_plugins/_ml/_predict/text_similarity/${model_id}`, {
          query_text: 'q',
          text_docs: ['a'],
        });
      const refused = await predict();
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('private ip address');
      // Newer versions read the setting when a model is deployed, older ones whenever it is asked.
      await set({ [privateAllowed]: true });
      expect((await predict()).status).toBe(isVersion2 ? 200 : 400);
      await at.cluster.ask('POST', `/_plugins/_ml/models/${model_id}/_undeploy`);
      await at.cluster.ask('DELETE', `/_plugins/_ml/models/${model_id}`);
      await at.cluster.uninstall('private');
    });
  });
}
