import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { searchApp } from '../../examples/express-route.ts';
import { searchServer } from '../../examples/fastify-route.ts';
import { fakeReranker } from '../../plugin/testing/index.ts';
import { builtProgram } from '../support/programs/built.ts';
import { describeOverOsmem } from '../support/servers/osmem.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = async (
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> => {
  const options = { cwd: root, env: { ...process.env, NO_COLOR: '1', ...env } };
  return (await promisify(execFile)(process.execPath, [builtProgram(file), ...args], options)).stdout;
};

/** The first line and the first measure of every reranker, of a printed table. */
function measured(table: string): { head: string; means: Record<string, number> } {
  const [head = '', , ...lines] = table.trim().split('\n');
  const cells = lines.map((line) => line.split(/ {2,}/)).filter(({ length }) => length > 1);
  return { head, means: Object.fromEntries(cells.map(([name, mean]) => [name, Number(mean)])) };
}

describe('examples', () => {
  it('rescore-embedded prints the reranked order', async () => {
    const stdout = await run('examples/rescore-embedded.ts', ['how do plants make food from sunlight']);
    expect(stdout).toMatch(/^\d+ -> 1 {2}Photosynthesis$/m);
  });

  it('long-documents finds what four blocks cut away, and says which field won', async () => {
    const [cut, whole, byText, byTitle] = (await run('examples/long-documents.ts', [])).split('\n');
    expect(cut).toMatch(/^roads, minutes; [1-9]\d* tokens .* were cut away unread/);
    expect(whole).toBe('minutes, roads; read whole');
    expect(byText).toBe('jacket with a broken zip: jacket, by its text');
    expect(byTitle).toBe('scarf: scarf, by its title');
  });

  it('thresholds tells a question that is answered from one that is not', async () => {
    const stdout = await run('examples/thresholds.ts', []);
    const [answered, other] = [...stdout.matchAll(/with a probability of (\S+)/g)].map(([, p]) => Number(p));
    expect(answered).toBeGreaterThan(0.5);
    expect(other).toBeLessThan(0.5);
  });

  it('passages prints the sentence that answers', async () => {
    const stdout = await run('examples/passages.ts', ['why does the sea rise']);
    expect(stdout).toContain('The moon pulls the water of the sea towards it.\nHarbour: ');
  });

  it('evaluate measures the reranker above the first stage on its own collection', async () => {
    const { head, means } = measured(await run('examples/evaluate.ts', []));
    expect(head).toBe('tiny (n = 4)');
    // Counted words mislead in every query of the collection.
    expect(means['fused']).toBeGreaterThan(means['first-stage']!);
  });

  it('evaluate reads a collection from a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-example-'));
    await writeFile(
      join(folder, 'corpus.jsonl'),
      '{"_id":"a","text":"red stars"}\n{"_id":"b","text":"bread"}\n',
    );
    await writeFile(join(folder, 'queries.jsonl'), '{"_id":"q","text":"stars"}\n');
    await writeFile(join(folder, 'qrels.tsv'), 'query-id\tcorpus-id\tscore\nq\ta\t1\n');
    const { head, means } = measured(await run('examples/evaluate.ts', [folder]));
    expect(head).toContain('(n = 1)');
    // One document is found, and it is the relevant one.
    expect(means).toEqual({ 'first-stage': 1, model: 1, fused: 1 });
    await rm(folder, { recursive: true });
  });

  it('fastify-route answers a page and refuses a request without a query', async () => {
    const server = searchServer(fakeReranker());
    const found = await server.inject('/search?q=sun&size=2');
    expect(found.json()).toMatchObject({ reranked: true });
    expect((await server.inject('/search')).statusCode).toBe(400);
    await server.close();
  });

  it('express-route answers the hits and refuses a request without a query', async () => {
    const server = createServer(searchApp(fakeReranker()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/search`;
    expect(await (await fetch(`${url}?q=food`)).json()).toMatchObject({ reranked: true });
    expect((await fetch(url)).status).toBe(400);
    await new Promise((resolve) => server.close(resolve));
  });
});

describeOverOsmem('examples over a server', (url) => {
  it.each(['elasticsearch', 'opensearch'])('rescore-%s reranks the index', async (name) => {
    const env = { [`${name.toUpperCase()}_URL`]: url(), INDEX: 'suite' };
    const stdout = await run(`examples/rescore-${name}.ts`, ['stars'], env);
    expect(stdout).toMatch(/-> 1 {2}\S+/);
    expect(stdout).toContain('reranked: true');
  });

  it.each(['ELASTICSEARCH_URL', 'OPENSEARCH_URL'])(
    'client-middleware reranks what the client of %s finds',
    async (name) => {
      const env = { [name]: url(), INDEX: 'suite' };
      const stdout = await run('examples/client-middleware.ts', ['stars'], env);
      expect(stdout).toMatch(/-> 1 {2}\S+/);
      expect(stdout).toContain('reranked: true');
    },
  );
});
