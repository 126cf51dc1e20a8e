/** What the command sends to a cluster, and what searches answer then. */
import { describe, expect, it } from 'vitest';
import { readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import { runCli } from '../../support/programs/run-cli.ts';
import { idsOf } from '../../support/servers/opensearch-installation.ts';
import { byWords, firstOrder, type InstallingOn, rerankedOrder } from './installing-on.ts';

/** Declares the tests. */
export function describeInstall(at: InstallingOn): void {
  const { search, cli } = at;

  describe('blockrank install', () => {
    const options = (): string[] => ['--service', at.service.url, '--field', 'body', '--index', 'animals'];

    it('prints the exact requests, secrets masked, and sends none, with --dry-run', async () => {
      const { code, stdout } = await cli('install', ...options(), '--service-key', 'K-secret', '--dry-run');
      expect(code).toBe(0);
      expect(stdout).toContain('POST /_plugins/_ml/connectors/_create');
      expect(stdout).toContain('PUT /_search/pipeline/blockrank');
      expect(stdout).toContain('"key": "***"');
      expect(stdout).not.toContain('K-secret');
      const { connectors, pipelines } = await readOpenSearchState(at.cluster.calls, 'blockrank');
      expect({ connectors, pipelines }).toEqual({ connectors: [], pipelines: {} });
      expect(at.service.asked).toEqual([]);
    });

    it('makes hits come back in the order of the service', async () => {
      const { code, stdout, stderr } = await runCli([
        'install',
        'opensearch',
        '--opensearch',
        at.server.url,
        ...options(),
        '--service-key',
        'K-secret',
        '--query',
        'animals',
      ]);
      expect(stderr).not.toMatch(/Cannot|no answer/);
      expect(stdout).toMatch(/without the pipeline: 3 \(.*\), 1 \(.*\), 2 \(.*\), 4 /);
      expect(stdout).toMatch(/with the pipeline: {4}4 \(0\.8\), 2 \(0\.6\), 1 \(0\.4\), 3 \(0\.2\)/);
      expect(code).toBe(0);
      at.service.forget();
      expect(idsOf(await at.cluster.ask('POST', '/animals/_search', byWords))).toEqual(firstOrder);
      const answer = await search('blockrank');
      expect(idsOf(answer)).toEqual(rerankedOrder);
      expect(answer.body.hits.max_score).toBeCloseTo(0.8);
      const [asked] = at.service.asked;
      expect(asked).toMatchObject({
        path: '/v1/rerank',
        authorization: 'Bearer K-secret',
        query: 'which bark',
      });
      expect(asked!.documents[0]).toBe('Birds are flying animals animals');
    });

    it('sends nothing in a second run', async () => {
      const { code, stdout, stderr } = await cli('install', ...options(), '--service-key', 'K-secret');
      expect(stdout).toContain('Nothing had to change.');
      expect(stderr).not.toMatch(/create|register|change/);
      expect(code).toBe(0);
    });

    it('widens a page to the window, and cuts it again', async () => {
      const answer = await search('blockrank', { size: 1 });
      expect(idsOf(answer)).toEqual(['4']);
      expect(at.service.asked[0]!.documents).toHaveLength(4);
    });

    it('finds what somebody changed by hand, and puts it right', async () => {
      const { body } = await at.cluster.ask('GET', '/_search/pipeline/blockrank');
      const changed = JSON.parse(JSON.stringify(body.blockrank).replace('["body"]', '["title"]'));
      await at.cluster.ask('PUT', '/_search/pipeline/blockrank', changed);
      const status = await cli('status');
      expect(status.stdout).toMatch(/pipeline +changed: "blockrank" reads title/);
      const { stdout } = await cli('install', ...options(), '--service-key', 'K-secret');
      expect(stdout).toContain('document_fields: ["title"] -> ["body"]');
      expect((await cli('status')).stdout).toMatch(/pipeline +present/);
    });

    it('leaves nothing after uninstall', async () => {
      const { code, stdout } = await cli('uninstall');
      expect(stdout).toContain('Nothing of "blockrank" is left.');
      expect(code).toBe(0);
      const { connectors, models, groups, pipelines } = await readOpenSearchState(
        at.cluster.calls,
        'blockrank',
      );
      expect({ connectors, models, groups, pipelines }).toEqual({
        connectors: [],
        models: [],
        groups: [],
        pipelines: {},
      });
      expect((await cli('uninstall')).stdout).toContain('Nothing of "blockrank" is there.');
    });
  });
}
