import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Hierarchy, openHierarchy } from '../../engine/index.ts';
import { type CliResult, runCli } from '../support/programs/run-cli.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';
import { type StatesCluster, statesCluster } from '../support/servers/states-cluster.ts';
import { addressFlags } from '../support/servers/states-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

describeServers('%s, a hierarchy', describeHierarchy);

/** Child and parent. */
const edges = [
  ['kids sandals', 'sandals'],
  ['beach sandals', 'sandals'],
  ['sandals', 'shoes'],
  ['boots', 'shoes'],
  ['rubber boots', 'boots'],
  ['garden chairs', 'chairs'],
  ['office chairs', 'chairs'],
  ['chairs', 'furniture'],
  ['tables', 'furniture'],
] as const;

function describeHierarchy(choice: ServerChoice): void {
  const isOpenSearch = choice.product === 'opensearch';
  const settings = isOpenSearch ? { 'index.knn': true } : {};
  const field = 'blockrank_hierarchy.vector';
  let server: RunningServer;
  let cluster: StatesCluster;
  let folder: string;
  let hierarchy: Hierarchy;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blockrank-hierarchy-'));
    const taxonomy = join(folder, 'categories.tsv');
    await writeFile(taxonomy, edges.map((edge) => edge.join('\t')).join('\n'));
    const train = ['--taxonomy', taxonomy, '--output', folder, '--steps', '300', '--width', '16'];
    const more = ['--temperature', '1', '--batch', '32', '--buckets', '512', '--held-out', '0'];
    const { code, stderr } = await runCli(['hierarchy', 'train', ...train, ...more]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Wrote') });
    hierarchy = await openHierarchy(folder);
    server = await startServer(choice, { ml: false });
    cluster = statesCluster(server.url);
    await cluster.seed('categories', { documents: 0, settings });
    for (const title of new Set(edges.flat())) {
      await cluster.ask('PUT', `/categories/_doc/${encodeURIComponent(title)}`, { title, body: '' });
    }
    // Without words, and so without a vector.
    await cluster.ask('PUT', '/categories/_doc/none', { title: '--', body: '' });
  });
  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true });
  });

  const index = (name = 'categories'): Promise<CliResult> =>
    runCli([
      ...['hierarchy', 'index', '--hierarchy', folder, ...addressFlags(choice, server.url)],
      ...['--index', name, '--field', 'title', '--json'],
    ]);
  const search = async (text: string, k: number): Promise<readonly Json[]> => {
    await cluster.ask('POST', '/categories/_refresh');
    const vector = [...(await hierarchy.embed([text])).rows];
    const body = isOpenSearch
      ? { query: { knn: { [field]: { vector, k } } }, size: k }
      : { knn: { field, query_vector: vector, k, num_candidates: 50 }, size: k };
    return (await cluster.ask('POST', '/categories/_search', body)).hits.hits;
  };
  const found = async (text: string, k: number): Promise<readonly string[]> =>
    (await search(text, k)).map(({ _id: id }) => id);

  it('finds broad categories by a narrow term, and by words that no category has', async () => {
    const { stdout, stderr, code } = await index();
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(JSON.parse(stdout).counts).toMatchObject({ written: 12, failed: 0 });
    expect(new Set(await found('kids sandals', 3))).toEqual(new Set(['kids sandals', 'sandals', 'shoes']));
    expect(new Set(await found('garden chairs', 3))).toEqual(
      new Set(['garden chairs', 'chairs', 'furniture']),
    );
    expect(await found('armchair', 2)).toEqual(expect.arrayContaining(['chairs', 'furniture']));
  });

  it('orders as the hierarchy itself does: by the inner product, lengths included', async () => {
    for (const query of ['boots', 'office chairs', 'tables']) {
      // Elasticsearch rounds the vectors that it searches by: behind the first ones places may change.
      const nearest = hierarchy.nearest(query, 3).map(({ id }) => id);
      expect((await found(query, 5)).slice(0, 3), query).toEqual(nearest);
    }
  });

  it('writes nothing again, follows a text that changes, and is taken away as states are', async () => {
    expect(JSON.parse((await index()).stdout).counts).toMatchObject({ written: 0, fresh: 12 });
    await cluster.ask('POST', '/categories/_update/none', { doc: { title: 'slippers and sandals' } });
    expect(JSON.parse((await index()).stdout).counts).toMatchObject({ written: 1, fresh: 11 });
    expect(await found('sandals', 12)).toContain('none');
    const drop = [
      'states',
      'drop',
      ...addressFlags(choice, server.url),
      ...['--index', 'categories', '--to', 'field', '--state-field', 'blockrank_hierarchy', '--json'],
    ];
    expect(JSON.parse((await runCli(drop)).stdout).removed).toHaveLength(1);
    expect(await found('sandals', 3)).toEqual([]);
  });

  it.runIf(isOpenSearch)('says what to do about an index that takes no vectors', async () => {
    await cluster.seed('plain', { documents: 3 });
    const { code, stderr } = await index('plain');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('"index.knn": true') });
  });
}
