/** The real service with the model of the package. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReranker, type Reranker } from '../../../engine/index.ts';
import { type RerankService, rerankService } from '../../../plugin/service/index.ts';
import { ext, idsOf } from '../../support/servers/opensearch-installation.ts';
import { byWords, type InstallingOn } from './installing-on.ts';

/** Declares the tests. */
export function describeShippedModel(at: InstallingOn): void {
  const { search, cli } = at;

  describe('with the real service and the shipped model', () => {
    const key = 'K-of-the-cluster-0123456789';
    let reranker: Reranker;
    let real: RerankService;
    beforeAll(async () => {
      const config = { host: '127.0.0.1', port: 0, keys: [{ tenant: 'cluster', key }] };
      real = await rerankService({ config, logger: pino({ enabled: false }) });
      reranker = await openReranker();
      real.serve({ config, models: [{ name: 'default', reranker }] });
    });
    afterAll(async () => {
      await cli('uninstall', '--name', 'real', '--force');
      await real?.close();
      await reranker?.close();
    });

    it('reranks by meaning what the first stage found by words', async () => {
      const args = [
        '--service',
        real.url,
        '--service-key',
        key,
        '--field',
        'body',
        '--name',
        'real',
        '--fail',
      ];
      const { code, stderr } = await cli('install', ...args, '--index', 'animals', '--query', 'animals');
      expect(stderr).not.toContain('blockrank: Cannot');
      expect(code).toBe(0);
      const [dog] = idsOf(await search('real', ext('a pet that barks')));
      const [fish] = idsOf(await search('real', ext('which of them live in the ocean?')));
      expect([dog, fish]).toEqual(['2', '4']);
    });

    it('ranks windows of every length that the pipeline sends, without a failed search', async () => {
      const lines = Array.from({ length: 150 }, (_, i) => {
        return `{"index":{"_id":"${i}"}}\n${JSON.stringify({ body: `animals number ${i} of "many"${i % 7 === 0 ? ' <b>' : ''}` })}\n`;
      });
      await at.cluster.ask('POST', '/many/_bulk?refresh=true', lines.join(''));
      for (const size of [1, 3, 10, 15]) {
        const answer = await at.cluster.ask('POST', '/many/_search?search_pipeline=real', {
          ...byWords,
          size,
          ...ext('animals number 7'),
        });
        expect([size, answer.status, answer.body.hits.hits.length]).toEqual([size, 200, size]);
        const scores = answer.body.hits.hits.map(({ _score }: { _score: number }) => _score);
        expect(scores).toEqual([...scores].sort((one, other) => other - one));
      }
    });

    it('is seen by blockrank status: ready, and asked once by a search', async () => {
      const args = ['--name', 'real', '--index', 'animals', '--service', real.url, '--service-key', key];
      const { code, stdout } = await cli('status', ...args);
      expect(stdout).toMatch(/service +ready/);
      expect(stdout).toContain('the service answered 1 requests');
      expect(stdout).toContain('searches are reranked');
      expect(code).toBe(0);
    });

    it('refuses a wrong key, which install names before it switches: searches go on with the right one', async () => {
      const args = [
        '--service',
        real.url,
        '--field',
        'body',
        '--name',
        'real',
        '--service-key',
        'K-that-is-wrong',
      ];
      const { code, stderr } = await cli('install', ...args);
      expect(code).toBe(1);
      expect(stderr).toContain('The service does not know the key: give --service-key.');
      expect(stderr).toContain('Nothing was switched');
      expect(stderr).not.toMatch(/--username|apiKey/);
      const status = await cli('status', '--name', 'real', '--index', 'animals');
      expect(status.stdout).toContain('searches are reranked');
      expect(status.code).toBe(0);
    });

    it('refuses a wrong key of a first installation, which status names', async () => {
      const args = ['--service', real.url, '--field', 'body', '--name', 'wrong'];
      const { code, stderr } = await cli('install', ...args, '--service-key', 'K-that-is-wrong');
      expect(code).toBe(1);
      expect(stderr).toMatch(/Everything was made and stays.*does not know the key: give --service-key\.$/m);
      const status = await cli('status', '--name', 'wrong', '--index', 'animals');
      expect(status.code).toBe(1);
      expect(status.stderr).toContain('give --service-key');
      await at.cluster.uninstall('wrong');
    });
  });
}
