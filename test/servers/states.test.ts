import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  type BuildOptions,
  buildStates,
  type StateMaker,
  stateCalls,
  surveyStates,
} from '../../adapters/server.ts';
import { configuredStage } from '../../plugin/compose/index.ts';
import { type CliResult, runCli } from '../support/programs/run-cli.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import type { ServerChoice } from '../support/servers/start.ts';
import { linesOf } from '../support/servers/states-cluster.ts';
import { addressFlags, statesServer } from '../support/servers/states-server.ts';
import { type BuildReport, expectFresh } from './states/expect-fresh.ts';
import { testSeveralProcesses } from './states/several-processes.ts';

const fields = ['title', 'body'];

describeServers('%s, building states', describeStates);

function describeStates(choice: ServerChoice): void {
  const at = statesServer(choice);
  const states = (command: string, ...more: string[]): Promise<CliResult> =>
    runCli(['states', command, ...at.flags(at.server.url, '--json', ...more)]);
  const build = async (...more: string[]): Promise<BuildReport> => {
    const { code, stdout, stderr } = await states('build', ...more);
    expect(stderr).not.toContain('Error');
    expect(code).toBe(0);
    return JSON.parse(stdout);
  };
  const library = (
    index: string,
    place: BuildOptions['place'],
    own: StateMaker = at.maker,
  ): BuildOptions => ({
    calls: stateCalls(at.client, choice.product),
    index,
    place,
    maker: own,
    fields,
    owner: `test:${Math.random()}`,
    page: { documents: 16 },
  });

  it('prints size and time without changing anything, with --dry-run', async () => {
    await at.cluster.seed('dry', { documents: 40 });
    const { estimate } = await build('--index', 'dry', '--dry-run');
    expect(estimate).toMatchObject({ documents: 40 });
    expect(estimate!.bytesPerDocument).toBeGreaterThan(64);
    const there = await at.cluster.ask('GET', '/_all/_settings');
    expect(Object.keys(there).filter((index) => index.startsWith('dry'))).toEqual(['dry']);
  });

  it('stores the states of all documents behind an alias, each beside its own index', async () => {
    await at.cluster.seed('books-1', { documents: 300, shards: 2 });
    await at.cluster.seed('books-2', { documents: 200, first: 100 });
    for (const index of ['books-1', 'books-2']) {
      await at.cluster.ask('POST', '/_aliases', { actions: [{ add: { index, alias: 'books' } }] });
    }
    const { counts } = await build('--index', 'books');
    expect(counts).toMatchObject({ seen: 500, written: 500, fresh: 0, conflicts: 0, failed: 0 });
    for (const index of ['books-1', 'books-2']) {
      const pairs = await at.cluster.sidecarPairs(index, at.generation);
      expect(pairs).toHaveLength(index === 'books-1' ? 300 : 200);
      expectFresh(pairs);
    }
  });

  it('builds by the configuration of searches, which then find all of it, and encode nothing', async () => {
    const documents = 40;
    await at.cluster.seed('configured', { documents });
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-configured-'));
    const config = join(folder, 'blockrank.config.yaml');
    const compatible = choice.version.startsWith('8.') ? ', compatibleWith: 8' : '';
    const configure = (states: string): Promise<void> =>
      writeFile(
        config,
        [
          `${choice.product}: { node: '${at.server.url}'${compatible} }`,
          `index: { name: configured, textFields: [title, body], separator: ' - ', ${states} }`,
          `reranker: { model: '${at.model}', workers: 1, warmUp: false, stateCacheBytes: 0, maxDocumentTokens: 16 }`,
          'stage: { cache: false, onFailure: throw }',
        ].join('\n'),
      );
    await configure('');
    const built = await runCli(['states', 'build', '--config', config, '--no-estimate']);
    expect(built).toMatchObject({ code: 0, stderr: '' });
    // The last line is what to write into the file.
    await configure(built.stdout.trimEnd().split('\n').at(-1)!.trim());
    const { stage, close } = await configuredStage(config, { watch: false });
    const body = { query: { match: { body: 'cats' } }, size: documents };
    const request = choice.product === 'opensearch' ? { body } : body;
    await at.cluster.ask('POST', '/_refresh');
    const response = await stage.search({ index: 'configured', ...request });
    await close();
    await rm(folder, { recursive: true });
    const { blockrank } = (response['body'] ?? response) as { readonly blockrank: unknown };
    expect(blockrank).toMatchObject({
      reranked: true,
      usage: { statesEncoded: 0, storedStates: { found: documents, missing: 0, stale: 0, foreign: 0 } },
    });
  });

  it('writes nothing in a second run, and what changed in a third', async () => {
    const second = await build('--index', 'books');
    expect(second.counts).toMatchObject({ seen: 500, written: 0, fresh: 500 });
    await at.cluster.change('books-1', 'd7', 'other words');
    const third = await build('--index', 'books');
    expect(third.counts).toMatchObject({ seen: 500, written: 1, fresh: 499 });
    expectFresh(await at.cluster.sidecarPairs('books-1', at.generation));
  });

  it('tells fresh, stale and missing states apart, and takes all of them away', async () => {
    await at.cluster.change('books-1', 'd8', 'again other words');
    await at.cluster.ask('POST', '/books-2/_bulk?refresh=true', linesOf([900, 901], 'index'));
    const { stdout } = await states('status', '--index', 'books');
    expect(JSON.parse(stdout)).toMatchObject({
      documents: 502,
      fresh: 499,
      stale: 1,
      missing: 2,
      foreign: 0,
      orphaned: 0,
    });
    const foreign = await states(
      'status',
      '--index',
      'books',
      '--codec',
      'anchor-int8',
      '--generation',
      at.generation,
    );
    expect(JSON.parse(foreign.stdout)).toMatchObject({ fresh: 0, stale: 0, missing: 2, foreign: 500 });
    const connection = addressFlags(choice, at.server.url);
    const dropped = await runCli([
      'states',
      'drop',
      ...connection,
      '--index',
      'books',
      '--generation',
      at.generation,
    ]);
    expect(dropped.stdout).toContain(`index "books-2-blockrank-states-${at.generation}"`);
    const after = await states('status', '--index', 'books');
    expect(JSON.parse(after.stdout)).toMatchObject({ fresh: 0, missing: 502 });
  });

  it('stores states in the documents themselves, and leaves their other fields alone', async () => {
    await at.cluster.seed('pages', { documents: 250, shards: 2 });
    const { counts } = await build('--index', 'pages', '--to', 'field');
    expect(counts).toMatchObject({ seen: 250, written: 250, conflicts: 0 });
    const pairs = await at.cluster.fieldPairs('pages');
    expectFresh(pairs);
    expect(pairs.every(({ id, source }) => `d${source.views}` === id)).toBe(true);
    const again = await build('--index', 'pages', '--to', 'field');
    expect(again.counts).toMatchObject({ seen: 250, written: 0, fresh: 250 });
    const connection = addressFlags(choice, at.server.url);
    await runCli(['states', 'drop', ...connection, '--index', 'pages', '--to', 'field']);
    expect((await at.cluster.fieldPairs('pages')).filter(({ stored }) => stored)).toEqual([]);
  });

  it('reads a data stream, backing index by backing index', async () => {
    const template = {
      index_patterns: ['events*'],
      data_stream: {},
      template: { settings: { number_of_replicas: 0 } },
    };
    await at.cluster.ask('PUT', '/_index_template/events', template);
    await at.cluster.ask('POST', '/events/_bulk?refresh=true', linesOf(range(60), 'create'));
    await at.cluster.ask('POST', '/events/_rollover');
    await at.cluster.ask('POST', '/events/_bulk?refresh=true', linesOf(range(40), 'create'));
    const { counts } = await build('--index', 'events');
    expect(counts).toMatchObject({ seen: 100, written: 100 });
    const backing = Object.keys(await at.cluster.ask('GET', '/events/_settings'));
    expect(backing).toHaveLength(2);
    for (const index of backing) expectFresh(await at.cluster.sidecarPairs(index, at.generation));
    const inside = await build('--index', 'events', '--to', 'field');
    expect(inside.counts).toMatchObject({ seen: 100, written: 100 });
    for (const index of backing) expectFresh(await at.cluster.fieldPairs(index));
  });

  it('does not overwrite documents that change while they are encoded; the next run takes them', async () => {
    await at.cluster.seed('moving', { documents: 64 });
    let isFirst = true;
    const meddling: StateMaker = {
      ...at.maker,
      async encode(texts) {
        if (isFirst) {
          isFirst = false;
          for (const i of [1, 2, 3]) await at.cluster.change('moving', `d${i}`, `changed ${i}`);
          await at.cluster.ask('DELETE', '/moving/_doc/d4');
        }
        return at.maker.encode(texts);
      },
    };
    const one = { workers: 1, slices: 1 };
    const { counts } = await buildStates({ ...library('moving', { kind: 'field' }, meddling), ...one });
    expect(counts).toMatchObject({ seen: 64, written: 60, conflicts: 3, gone: 1 });
    const changed = (await at.cluster.fieldPairs('moving')).filter(({ source }) =>
      source.body.startsWith('changed'),
    );
    expect(changed.map(({ stored }) => stored)).toEqual([undefined, undefined, undefined]);
    const next = await buildStates({ ...library('moving', { kind: 'field' }), ...one });
    expect(next.counts).toMatchObject({ seen: 63, written: 3, fresh: 60 });
    expectFresh(await at.cluster.fieldPairs('moving'));
  });

  it('never replaces the state of a newer version by that of an older one', async () => {
    await at.cluster.seed('racing', { documents: 32 });
    const place = { kind: 'sidecar', generation: 'racing' } as const;
    let isFirst = true;
    const overtaken: StateMaker = {
      ...at.maker,
      async encode(texts) {
        const states = await at.maker.encode(texts);
        if (!isFirst) return states;
        isFirst = false;
        await at.cluster.change('racing', 'd3', 'newer words');
        await at.cluster.ask('POST', '/racing/_refresh');
        // Another build, under a name of its own for its slices, sees the newer words and is first.
        await buildStates({ ...library('racing', place), index: 'racin*' });
        return states;
      },
    };
    const { counts } = await buildStates({ ...library('racing', place, overtaken), workers: 1, slices: 1 });
    expect(counts).toMatchObject({ seen: 32, conflicts: 1 });
    expectFresh(await at.cluster.sidecarPairs('racing', 'racing'));
  });

  it('reads on over a new point in time when one expires', async () => {
    await at.cluster.seed('slow', { documents: 96 });
    let pages = 0;
    const expiring: StateMaker = {
      ...at.maker,
      async encode(texts) {
        pages += 1;
        if (pages % 2 === 0)
          await at.cluster.ask(
            'DELETE',
            choice.product === 'opensearch' ? '/_search/point_in_time/_all' : '/_pit',
            choice.product === 'opensearch' ? undefined : { id: lastPit },
          );
        return at.maker.encode(texts);
      },
    };
    let lastPit = '';
    const options = library('slow', { kind: 'sidecar', generation: 'slow' }, expiring);
    const calls: BuildOptions['calls'] = {
      ...options.calls,
      async request(request, rest) {
        const answer = await options.calls.request(request, rest);
        if (request.path.endsWith('/_pit')) lastPit = (answer.body as { id: string }).id;
        return answer;
      },
    };
    const { counts } = await buildStates({ ...options, calls, workers: 1, slices: 1 });
    expect(pages).toBe(6);
    expect(counts).toMatchObject({ seen: 96, written: 96 });
    expectFresh(await at.cluster.sidecarPairs('slow', 'slow'));
  });

  testSeveralProcesses(choice, at);

  it('counts the same as it stored', async () => {
    const survey = await surveyStates({
      ...library('killed-sidecar', { kind: 'sidecar', generation: at.generation }),
      names: at.maker,
    });
    expect(survey).toMatchObject({ documents: 600, fresh: 600, orphaned: 0 });
  });
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, i) => i);
}
