import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { searchApp } from '../../examples/express-route.ts';
import { searchServer } from '../../examples/fastify-route.ts';
import { fakeReranker } from '../../plugin/testing/index.ts';
import { type Osmem, osmemMissing, startOsmem } from '../support/osmem.ts';
import { indexSuiteDocuments } from '../support/suite-subjects.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = async (
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> => {
  const options = { cwd: root, env: { ...process.env, NO_COLOR: '1', ...env } };
  return (await promisify(execFile)('node', ['--import', 'tsx', file, ...args], options)).stdout;
};

describe('examples', () => {
  it('rescore-embedded prints the reranked order', async () => {
    const stdout = await run('examples/rescore-embedded.ts', ['how do plants make food from sunlight']);
    expect(stdout).toMatch(/^\d+ -> 1 {2}Photosynthesis$/m);
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

describe.skipIf(osmemMissing)('examples over a server', () => {
  let server: Osmem;
  beforeAll(async () => {
    server = await startOsmem();
    await indexSuiteDocuments(server.url, 'suite');
  });
  afterAll(() => server.close());

  it.each(['elasticsearch', 'opensearch'])('rescore-%s reranks the index', async (name) => {
    const env = { [`${name.toUpperCase()}_URL`]: server.url, INDEX: 'suite' };
    const stdout = await run(`examples/rescore-${name}.ts`, ['stars'], env);
    expect(stdout).toMatch(/-> 1 {2}\S+/);
    expect(stdout).toContain('reranked: true');
  });
});
