import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, event, type Played, playedRaw, search } from '../../support/doubles/proxy-setup.ts';
import { cliProgram, runCli } from '../../support/programs/run-cli.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const open: (() => Promise<unknown> | unknown)[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-proxy-'));
});

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

afterAll(() => rm(folder, { recursive: true }));

/** What the cluster finds, its best answer last. */
const hits = ['the stock market fell', 'a recipe for bread', 'an astronomer looks at the stars'].map(
  (title, i) => ({
    _index: 'products-1',
    _id: String(i),
    _score: 1,
    _source: { title },
  }),
);

async function cluster(slow?: { readonly asked: () => void; readonly rest: Promise<void> }): Promise<Played> {
  const server = await playedRaw((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
    if (request.url !== '/slow' || !slow)
      return void response.end(JSON.stringify({ hits: { max_score: 1, hits } }));
    response.write('first');
    slow.asked();
    void slow.rest.then(() => response.end('last'));
  });
  open.push(() => server.close());
  return server;
}

interface Program {
  readonly child: ChildProcess;
  readonly url: string;
  readonly said: Record<string, unknown>;
  readonly ended: Promise<number | null>;
  readonly notes: () => string;
}

async function program(args: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, [cliProgram(), 'proxy', '--json', '--port', '0', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  });
  open.push(() => child.kill('SIGKILL'));
  let notes = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    notes += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let text = '';
  const said = await new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      text += line;
      if (line === '}') resolve(JSON.parse(text) as Record<string, unknown>);
    });
    void ended.then((code) => reject(new Error(`ended with ${code}: ${notes}`)));
  });
  return { child, url: said['url'] as string, said, ended, notes: () => notes };
}

const query = { query: { match: { title: 'who studies the sky' } } };

// Starting the program and opening the model cost seconds on a busy machine.
describe('blockrank proxy', () => {
  it('reranks searches with the model of the package, passes the rest, and ends a request in flight on SIGTERM', async () => {
    const asked = event();
    const rest = event();
    const server = await cluster({ asked: asked.happen, rest: rest.happened });
    const { url, said, child, ended, notes } = await program([
      '--target',
      server.url,
      '--index',
      'products-*',
      '--index',
      'other',
      '--field',
      'title',
    ]);
    expect(said).toMatchObject({
      target: server.url,
      server: 'elasticsearch',
      indices: ['products-*', 'other'],
    });
    const answer = await search(url, '/products-1/_search', query);
    expect(answer.headers['x-blockrank']).toBe('reranked');
    const [best] = (JSON.parse(answer.body.toString()) as { hits: { hits: { _id: string }[] } }).hits.hits;
    expect(best!._id).toBe('2');
    const late = await search(url, '/products-1/_search', query, { 'x-blockrank': '{"deadlineMs":0.001}' });
    expect(late.headers['x-blockrank']).toBe('unreranked; reason=deadline');
    const timely = await search(url, '/products-1/_search', query, { 'x-blockrank': '{"deadlineMs":60000}' });
    expect(timely.headers['x-blockrank']).toBe('reranked');
    expect((await ask(url, { path: '/_blockrank/readyz' })).status).toBe(200);
    const metrics = (await ask(url, { path: '/_blockrank/metrics' })).body.toString();
    expect(metrics).toMatch(
      /blockrank_stage_searches_total\{adapter="elasticsearch",.*outcome="reranked",reason=""\} 2/,
    );
    const running = ask(url, { path: '/slow' });
    await asked.happened;
    child.kill('SIGTERM');
    await expect
      .poll(() => ask(url, { path: '/new' }).catch((error: { code: string }) => error.code))
      .toBe('ECONNREFUSED');
    rest.happen();
    expect((await running).body.toString()).toBe('firstlast');
    expect(await ended).toBe(0);
    // Of the search that had no time.
    expect(notes()).toBe('blockrank: the cluster failed (deadline)\n');
  });

  it('takes cluster, indices and fields from the configuration file, and starts before the cluster does', async () => {
    const server = await cluster();
    await server.close();
    const path = join(folder, 'blockrank.config.yaml');
    await writeFile(
      path,
      `opensearch: { node: '${server.url}' }\nindex: { name: 'products-1,products-2', textFields: [title] }\nstage: { deadlineMs: 5000 }\n`,
    );
    const { url, said, child, ended, notes } = await program(['--config', path, '--no-marks']);
    expect(said).toMatchObject({
      target: server.url,
      server: 'opensearch',
      indices: ['products-1', 'products-2'],
    });
    const answer = await search(url, '/products-2/_search', query);
    expect(answer.status).toBe(502);
    expect(notes()).toContain('blockrank: the cluster failed');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('takes its file anew on SIGHUP, and keeps what it has when the file is wrong', async () => {
    const server = await cluster();
    const path = join(folder, 'reloaded.config.yaml');
    const configure = (index: string): Promise<void> =>
      writeFile(
        path,
        `opensearch: { node: '${server.url}' }\nindex: { name: ${index}, textFields: [title] }\n`,
      );
    await configure('products-1');
    const { url, child, ended, notes } = await program(['--config', path]);
    const markOf = async (index: string): Promise<unknown> =>
      (await search(url, `/${index}/_search`, query)).headers['x-blockrank'];
    expect([await markOf('products-1'), await markOf('products-2')]).toEqual(['reranked', undefined]);
    await configure('products-2');
    child.kill('SIGHUP');
    await expect.poll(() => markOf('products-2')).toBe('reranked');
    expect(await markOf('products-1')).toBeUndefined();
    await writeFile(path, 'index: 3');
    child.kill('SIGHUP');
    await expect.poll(notes).toContain('configuration refused, the one before stays in use');
    expect(await markOf('products-2')).toBe('reranked');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it.each([
    ['nothing', [], ['--target: required', '--index: required', '--field: required']],
    [
      'a target that is no address',
      ['--target', 'here', '--index', 'a', '--field', 'b'],
      ['--target: expected an address'],
    ],
    [
      'half a certificate',
      ['--target', 'https://a', '--cert', 'a', '--index', 'a', '--field', 'b'],
      ['--cert and --key: expected cert and key together'],
    ],
    [
      'half a listener',
      ['--target', 'https://a', '--tls-cert', 'a', '--index', 'a', '--field', 'b'],
      ['--tls-key: expected text, required'],
    ],
    [
      'a file that is not there',
      ['--target', 'https://a', '--ca', 'no/such.pem', '--index', 'a', '--field', 'b'],
      ['proxy.targetTls.ca: cannot read "no/such.pem" (ENOENT)'],
    ],
    [
      'credentials',
      ['--target', 'https://u:secret@127.0.0.1:1', '--index', 'a', '--field', 'b'],
      ['holds credentials'],
    ],
  ] as [string, string[], string[]][])(
    'ends with 2 and says what to do for %s',
    async (_what, args, words) => {
      const { code, stderr } = await runCli(['proxy', ...args]);
      for (const word of words) expect(stderr).toContain(word);
      expect(stderr).not.toContain('secret');
      expect(code).toBe(2);
    },
  );
});
