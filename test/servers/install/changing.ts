/** An installation that is changed while searches run. */
import { describe, expect, it } from 'vitest';
import {
  openSearchStatus,
  planOpenSearchUninstall,
  readOpenSearchState,
} from '../../../adapters/opensearch/index.ts';
import { runPlan } from '../../../adapters/server.ts';
import { startRerankServiceDouble } from '../../support/doubles/rerank-service-double.ts';
import { idsOf } from '../../support/servers/opensearch-installation.ts';
import { withSearchInHand } from '../../support/servers/search-in-hand.ts';
import { type InstallingOn, rerankedOrder } from './installing-on.ts';

/** Declares the tests. */
export function describeChanging(at: InstallingOn): void {
  const { search, cli } = at;

  describe('changing an installation', () => {
    it('switches key, address and fields while no search fails', async () => {
      await at.cluster.install({
        serviceUrl: at.service.url,
        name: 'moving',
        ignoreFailure: false,
        readTimeoutSeconds: 2,
      });
      const other = await startRerankServiceDouble({ key: 'K2' });
      let isDone = false;
      const statuses = new Set<number>();
      const traffic = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!isDone) statuses.add((await search('moving')).status);
        }),
      );
      const options = {
        name: 'moving',
        ignoreFailure: false,
        fields: ['title', 'body'],
        serviceUrl: other.url,
      };
      const plan = await at.cluster.install({ ...options, serviceKey: 'K2' }).finally(() => {
        isDone = true;
      });
      await traffic;
      expect(plan.parts.map(({ part, state }) => `${part} ${state}`)).toEqual([
        'connector changed',
        'model changed',
        'pipeline changed',
        'model surplus',
        'connector surplus',
      ]);
      other.forget();
      expect(idsOf(await search('moving'))).toEqual(rerankedOrder);
      expect(other.asked[0]!.documents[0]).toBe('BirdsBirds are flying animals animals');
      expect([...statuses]).toEqual([200]);
      const again = await at.cluster.plan({ ...options, serviceKey: 'K2' });
      const { connectors, models } = await readOpenSearchState(at.cluster.calls, 'moving');
      // The server may mistake the new model for a user of the old connector, by their ids.
      const stuck = connectors.length - 1;
      expect(again.steps).toHaveLength(stuck);
      if (stuck > 0) expect(connectors[0]!.id).toContain('-');
      expect(models).toHaveLength(1);
      await other.close();
      await at.cluster.uninstall('moving');
    });

    it('removes a model that a search in hand deploys again', async () => {
      await at.cluster.install({ serviceUrl: at.service.url, name: 'asked' });
      const state = await readOpenSearchState(at.cluster.calls, 'asked');
      const { id } = state.models[0]!;
      const seen: string[] = [];
      const calls = withSearchInHand({
        ...at.cluster.calls,
        async request(request, options) {
          const answer = await at.cluster.calls.request(request, options);
          seen.push(`${request.method} ${request.path.split('/').at(-1)} ${answer.status}`);
          return answer;
        },
      });
      await runPlan(planOpenSearchUninstall(state, { name: 'asked', isForced: true }), { calls });
      expect(at.service.asked).toHaveLength(1);
      // Refused once at least, and undeployed before each repetition.
      const tries = seen.filter((line) => line.includes(`DELETE ${id}`));
      expect(tries.at(-1)).toBe(`DELETE ${id} 200`);
      expect(tries.length).toBeGreaterThan(1);
      expect(seen.filter((line) => line === 'POST _undeploy 200')).toHaveLength(tries.length);
      expect((await readOpenSearchState(at.cluster.calls, 'asked')).models).toEqual([]);
    });

    it('goes on where an interrupted run stopped', async () => {
      const plan = await at.cluster.plan({ serviceUrl: at.service.url, name: 'half' });
      const { path, body } = plan.steps[0]!.request;
      await at.cluster.ask('POST', path, body!);
      const rest = await at.cluster.install({ serviceUrl: at.service.url, name: 'half' });
      expect(rest.steps.map(({ does }) => does)).toEqual([
        'register and deploy model "half"',
        'create search pipeline "half"',
      ]);
      expect(idsOf(await search('half'))).toEqual(rerankedOrder);
      await at.cluster.uninstall('half');
    });

    it('stops before the switch when the new service does not answer, and searches go on', async () => {
      const options = ['--field', 'body', '--name', 'careful', '--fail', '--read-timeout', '2'];
      expect((await cli('install', '--service', at.service.url, ...options)).code).toBe(0);
      const other = await startRerankServiceDouble();
      await other.stop();
      const failed = await cli('install', '--service', other.url, ...options);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(
        /no service listens there.*Nothing was switched: searches go on as before/,
      );
      expect(idsOf(await search('careful'))).toEqual(rerankedOrder);
      expect((await readOpenSearchState(at.cluster.calls, 'careful')).models).toHaveLength(2);
      // Once the service is there, the next run takes up what was made.
      await other.start();
      const { code, stderr } = await cli('install', '--service', other.url, ...options);
      expect(stderr).not.toContain('create connector');
      expect(code).toBe(0);
      other.forget();
      expect(idsOf(await search('careful'))).toEqual(rerankedOrder);
      expect(other.asked).toHaveLength(1);
      expect((await readOpenSearchState(at.cluster.calls, 'careful')).models).toHaveLength(1);
      await other.close();
      await at.cluster.uninstall('careful');
    });

    it('keeps a model that another pipeline asks, and warns', async () => {
      await at.cluster.install({ serviceUrl: at.service.url, name: 'shared', readTimeoutSeconds: 1 });
      const before = await readOpenSearchState(at.cluster.calls, 'shared');
      const { modelId } = openSearchStatus(before, 'shared');
      const { description: _, ...copy } = before.pipelines['shared']!;
      await at.cluster.ask('PUT', '/_search/pipeline/of-an-operator', copy);
      const plan = await at.cluster.install({ serviceUrl: at.service.url, name: 'shared', serviceKey: 'K' });
      expect(plan.warnings.join()).toContain('for the search pipeline "of-an-operator" asks it');
      expect(idsOf(await search('of-an-operator'))).toEqual(rerankedOrder);
      const { models, connectors } = await readOpenSearchState(at.cluster.calls, 'shared');
      expect(models.map(({ id }) => id)).toContain(modelId);
      expect([models.length, connectors.length]).toEqual([2, 2]);
      await at.cluster.ask('DELETE', '/_search/pipeline/of-an-operator');
      await at.cluster.uninstall('shared');
    });

    it('fails when what was switched does not rerank a whole window', async () => {
      const lines = Array.from(
        { length: 120 },
        (_, i) => `{"index":{"_id":"${i}"}}\n{"body":"animals ${i}"}\n`,
      );
      await at.cluster.ask('POST', '/window/_bulk?refresh=true', lines.join(''));
      const options = ['--service', at.service.url, '--field', 'body', '--name', 'wide', '--index', 'window'];
      at.service.behave({ kind: 'few', most: 50, status: 500, text: 'too many' });
      const { code, stdout, stderr } = await cli('install', ...options);
      expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
      expect(stderr).toContain('Everything was made and stays, but searches are not reranked');
      expect(code).toBe(1);
      expect((await cli('status', '--name', 'wide', '--index', 'window')).code).toBe(1);
      at.service.behave({ kind: 'well' });
      expect((await cli('install', ...options)).code).toBe(0);
      expect(at.service.asked.at(-1)!.documents).toHaveLength(100);
      await at.cluster.uninstall('wide');
    });

    it('refuses to overwrite a pipeline of somebody else', async () => {
      await at.cluster.ask('PUT', '/_search/pipeline/theirs', {
        response_processors: [{ truncate_hits: {} }],
      });
      const { code, stderr } = await cli(
        'install',
        '--service',
        at.service.url,
        '--field',
        'body',
        '--name',
        'theirs',
      );
      expect(code).toBe(2);
      expect(stderr).toContain('somebody else made a search pipeline of this name');
      await at.cluster.ask('DELETE', '/_search/pipeline/theirs');
    });
  });
}
