/** The pipeline as the default of an index. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Answered, ext, idsOf, indexAnimals } from '../../support/servers/opensearch-installation.ts';
import { byWords, firstOrder, type InstallingOn, rerankedOrder, withoutExt } from './installing-on.ts';

/** Declares the tests. */
export function describeDefaultPipeline(at: InstallingOn): void {
  const { cli, isVersion2 } = at;

  describe('the pipeline as default of an index', () => {
    const asDefault = { defaultPipelineIndex: 'defaulted' };
    beforeAll(() => indexAnimals(at.cluster, 'defaulted'));
    const plain = (): Promise<Answered> => at.cluster.ask('POST', '/defaulted/_search', byWords);

    it('reranks searches with ext.rerank and lets the others pass, when failures are ignored', async () => {
      const plan = await at.cluster.install({ serviceUrl: at.service.url, name: 'default', ...asDefault });
      expect(plan.warnings[0]).toContain('only searches with "ext.rerank" are reranked');
      expect(idsOf(await at.cluster.ask('POST', '/defaulted/_search', { ...byWords, ...ext('q') }))).toEqual(
        rerankedOrder,
      );
      expect(idsOf(await plain())).toEqual(firstOrder);
      expect((await at.cluster.ask('GET', '/defaulted/_count')).body.count).toBe(4);
      expect(
        (await at.cluster.plan({ serviceUrl: at.service.url, name: 'default', ...asDefault })).steps,
      ).toEqual([]);
    });

    it('breaks every other search, _count and scroll with --fail, which the warning says', async () => {
      const plan = await at.cluster.install({
        serviceUrl: at.service.url,
        name: 'default',
        ignoreFailure: false,
        ...asDefault,
      });
      expect(plan.warnings[0]).toMatch(/^DANGER: .*_count/);
      const calls: readonly (readonly [string, object])[] = [
        ['/defaulted/_search', byWords],
        ['/defaulted/_count', byWords],
        ['/defaulted/_search?scroll=1m', byWords],
        // The 2.x package of these tests has no module for it.
        ...(isVersion2
          ? []
          : [['/defaulted/_delete_by_query', { query: { match: { body: 'nosuchword' } } }] as const]),
      ];
      for (const [path, body] of calls) {
        const answer = await at.cluster.ask('POST', path, body);
        expect([path, answer.status]).toEqual([path, 500]);
        expect(JSON.stringify(answer.body)).toMatch(withoutExt);
      }
      expect(
        idsOf(await at.cluster.ask('POST', '/defaulted/_search?search_pipeline=_none', byWords)),
      ).toEqual(firstOrder);
    });

    it('takes the place of another one only by force, and uninstall gives that back', async () => {
      const setting = 'index.search.default_pipeline';
      const theirs = { response_processors: [{ truncate_hits: {} }] };
      await indexAnimals(at.cluster, 'shop');
      await at.cluster.ask('PUT', '/_search/pipeline/theirs', theirs);
      await at.cluster.ask('PUT', '/shop/_settings', { [setting]: 'theirs' });
      const args = ['--service', at.service.url, '--field', 'body', '--name', 'shop'];
      const options = [...args, '--index', 'shop', '--default-pipeline'];
      const refused = await cli('install', ...options);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('shop: this index has "theirs" as its default pipeline');
      expect((await cli('install', ...options, '--force')).code).toBe(0);
      const ranked = await at.cluster.ask('POST', '/shop/_search', { ...byWords, ...ext('q') });
      expect(idsOf(ranked)).toEqual(rerankedOrder);
      expect((await cli('install', ...options)).stdout).toContain('Nothing had to change.');
      expect((await cli('uninstall', '--name', 'shop', '--force')).code).toBe(0);
      const { body } = await at.cluster.ask('GET', `/shop/_settings/${setting}?flat_settings=true`);
      expect(body.shop.settings).toEqual({ [setting]: 'theirs' });
      await at.cluster.ask('DELETE', '/shop');
      await at.cluster.ask('DELETE', '/_search/pipeline/theirs');
    });

    it('is not made one when the service does not answer', async () => {
      await indexAnimals(at.cluster, 'untouched');
      await at.service.stop();
      const args = ['--service', at.service.url, '--field', 'body', '--name', 'untouched'];
      const { code, stderr } = await cli('install', ...args, '--index', 'untouched', '--default-pipeline');
      await at.service.start();
      expect(code).toBe(1);
      expect(stderr).toContain('Nothing was switched');
      const answer = await at.cluster.ask('POST', '/untouched/_search', byWords);
      expect([answer.status, idsOf(answer)]).toEqual([200, firstOrder]);
      await at.cluster.uninstall('untouched');
    });

    it('keeps uninstall from removing it, until --force takes the default away', async () => {
      const refused = await cli('uninstall', '--name', 'default');
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('defaulted: this index has "default" as its default pipeline');
      expect((await cli('uninstall', '--name', 'default', '--force')).code).toBe(0);
      expect(idsOf(await plain())).toEqual(firstOrder);
    });

    it('makes every search answer 400 when somebody deletes the pipeline by hand', async () => {
      await at.cluster.ask('PUT', '/_search/pipeline/gone', { response_processors: [{ truncate_hits: {} }] });
      await at.cluster.ask('PUT', '/defaulted/_settings', { 'index.search.default_pipeline': 'gone' });
      await at.cluster.ask('DELETE', '/_search/pipeline/gone');
      const { status, body } = await plain();
      expect(status).toBe(400);
      expect(JSON.stringify(body)).toContain('Pipeline gone is not defined');
      await at.cluster.ask('PUT', '/defaulted/_settings', { 'index.search.default_pipeline': null });
    });
  });
}
