import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textDigest } from '../../../engine/text-digest.ts';
import { composeServer } from '../../../plugin/compose/index.ts';
import { loadConfig } from '../../../plugin/config/index.ts';
import { type StatesDouble, startStatesDouble } from '../../support/doubles/states-double.ts';
import { fill } from '../../support/doubles/states-fixture.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let models: readonly [string, string];
let folder: string;
let double: StatesDouble;
beforeAll(async () => {
  const caps = { maxDocumentTokens: 16, maxDocumentBlocks: 3, blockOverlapTokens: 4, maxQueryTokens: 16 };
  models = [await tinyModel(), await tinyModel({ caps })];
  folder = await mkdtemp(join(tmpdir(), 'blockrank-states-config-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  double = await startStatesDouble();
});
afterEach(() => double.close());

/** The configuration of searches over the double; `index` and `reranker` are the insides of those sections. */
async function configure(index = '', reranker = ''): Promise<string> {
  const path = join(folder, 'blockrank.config.yaml');
  const lines = [
    `opensearch: { node: '${double.url}' }`,
    `index: { name: docs, textFields: [title, body], ${index} }`,
    `reranker: { model: '${models[0]}', workers: 1, ${reranker} }`,
  ];
  await writeFile(path, lines.join('\n'));
  return path;
}

const run = (command: string, config: string, ...more: string[]): Promise<CliResult> => {
  const quick = command === 'build' ? ['--no-estimate'] : [];
  return runCli(['states', command, '--config', config, ...quick, ...more]);
};

/** The only document of a sidecar that is looked at. */
const stored = (generation: string, index = 'docs') =>
  double.documents(`${index}-blockrank-states-${generation}`).get('d1')?.source;

/** Which encoder the searches of a configuration look for. */
async function digestOfSearches(config: string): Promise<string> {
  const context = { env: {}, onWarning: (): void => undefined };
  const { reranker, close } = await composeServer(await loadConfig(config, {}), context);
  const { encodingDigest } = reranker.info;
  await close();
  return encodingDigest;
}

/** The lines of a build that say what to write into the configuration. */
const saidIn = (stdout: string): string[] => stdout.trimEnd().split('\n').slice(2);

describe('blockrank states --config', () => {
  it('builds what searches by the same file look for: its texts, its place, its encoder', async () => {
    fill(double, 2);
    // Shorter documents are another encoding: none of the options could say so.
    const config = await configure(
      "separator: ' / ', states: { sidecar: g, codec: anchor-int8 }",
      'maxDocumentTokens: 16, precision: int8',
    );
    expect(await run('build', config)).toMatchObject({ code: 0 });
    const digest = await digestOfSearches(config);
    const plain = await configure("separator: ' / '");
    expect(digest).not.toBe(await digestOfSearches(plain));
    expect(stored('g')).toMatchObject({
      encoding: `${digest}.anchor-int8`,
      text_digest: textDigest('t1 / b1'),
    });
  });

  it('builds beside each index, in half precision, where the file says nothing of states', async () => {
    fill(double, 2);
    const config = await configure();
    expect(await run('build', config)).toMatchObject({ code: 0 });
    const digest = await digestOfSearches(config);
    expect(stored(`anchor-fp16-${digest.slice(0, 12)}`)?.encoding).toBe(`${digest}.anchor-fp16`);
  });

  it('builds into the field that the file names', async () => {
    double.make('docs', { 'index.knn': 'true' });
    fill(double, 2);
    const config = await configure('states: { field: kept, vector: true }');
    expect(await run('build', config)).toMatchObject({ code: 0 });
    expect(double.documents('docs').get('d1')?.source.kept.vector).toHaveLength(
      double.mapping('docs').kept.properties.vector.dimension,
    );
    const status = await run('status', config, '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ documents: 2, fresh: 2 });
    const drop = await run('drop', config);
    expect(drop.stdout).toBe('Removed: field "kept" of 2 documents of "docs".\n');
  });

  it('lets options go before what the file says', async () => {
    double.write('other', 'd1', { title: 't1', body: 'b1' });
    const config = await configure('states: { field: kept }');
    const more = ['--index', 'other', '--to', 'sidecar', '--generation', 'h', '--codec', 'anchor-int8'];
    expect(await run('build', config, ...more, '--field', 'body')).toMatchObject({ code: 0 });
    const state = stored('h', 'other');
    expect(state?.text_digest).toBe(textDigest('b1'));
    expect(state?.encoding).toContain('.anchor-int8');
  });

  it('counts and drops the states of the file, or those of another generation', async () => {
    fill(double, 2);
    const config = await configure('states: { sidecar: g }');
    await run('build', config);
    await run('build', config, '--model', models[1], '--generation', 'next');
    const counts = async (...more: string[]) =>
      JSON.parse((await run('status', config, '--json', ...more)).stdout);
    expect(await counts()).toMatchObject({ fresh: 2, foreign: 0 });
    expect(await counts('--generation', 'next')).toMatchObject({ fresh: 0, foreign: 2 });
    const dropNext = await run('drop', config, '--generation', 'next');
    expect(dropNext.stdout).toBe('Removed: index "docs-blockrank-states-next".\n');
    const drop = await run('drop', config);
    expect(drop.stdout).toBe('Removed: index "docs-blockrank-states-g".\n');
  });

  it('watches what the file says', async () => {
    fill(double, 3);
    const { stdout, code } = await run('watch', await configure('states: { sidecar: g }'), '--dry-run');
    expect(stdout).toMatch(/^3 documents, about \d+ bytes a state/);
    expect(code).toBe(0);
  });

  it.each([
    // The file's own contradictions: its searches would read none of the states.
    ['', 'tier: tokens', [], 'reranker.tier: is "tokens", which does not go with "anchor-fp16"'],
    ['states: { sidecar: g, codec: anchor-fp16 }', 'tier: tokens', [], 'reranker.tier: is "tokens"'],
    [
      'states: { sidecar: g, codec: "tokens-int8:32" }',
      'stateCodec: tokens-int8',
      [],
      'reranker.stateCodec: "tokens-int8" reads none of these states',
    ],
    ['', 'stateCodec: tokens-fp16', [], 'reranker.stateCodec: "tokens-fp16" reads none of these states'],
    ['states: { sidecar: g }', 'tier: anchor', ['--codec', 'tokens-int8'], 'reranker.tier: is "anchor"'],
    ['highlight: true', '', [], 'index.highlight: leave it out: states are of whole texts'],
    // Places.
    ['states: { vectorField: own }', '', [], 'index.states.vectorField: is a vector field of your own'],
    ['states: { sidecar: Big }', '', [], 'index.states.sidecar: expected small letters'],
    ['states: { field: a.b }', '', [], 'index.states.field: expected one name without dots'],
    [
      'states: { field: f, codec: tokens-int8 }',
      '',
      [],
      'index.states.field: states of tier tokens are too large',
    ],
    // What searches read must stay what they read.
    ['states: { sidecar: g }', '', ['--codec', 'anchor-int8'], '--generation: required'],
    ['states: { sidecar: g }', '', ['--precision', 'int8'], '--generation: required'],
    // A device decides the precision where none is named, and so the states.
    ['states: { sidecar: g }', '', ['--device', 'webgpu'], '--generation: required'],
    ['states: { sidecar: g }', 'precision: fp16', ['--precision', 'fp32'], '--generation: required'],
    ['states: { sidecar: g }', '', ['--field', 'body'], '--generation: required'],
    ['states: { sidecar: g }', '', ['--separator', ', '], '--generation: required'],
    ['states: { field: f }', '', ['--model', 'elsewhere'], '--state-field: required'],
    // The options' own.
    ['', '', ['--opensearch', 'http://127.0.0.1:9'], 'give a server by options, or by --config, not both'],
    [
      '',
      '',
      ['--tier', 'anchor', '--codec', 'tokens-int8'],
      '--tier: "anchor" contradicts --codec tokens-int8',
    ],
  ])('refuses {%s}, {%s}, %j', async (index, reranker, more, message) => {
    const { code, stderr } = await run('build', await configure(index, reranker), ...more);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(double.calls).toEqual([]);
  });

  it('takes precisions that differ, and anchors out of states of tokens', async () => {
    fill(double, 2);
    const config = await configure(
      'states: { sidecar: g, codec: tokens-int8 }',
      'tier: anchor, stateCodec: anchor-fp16',
    );
    expect(await run('build', config)).toMatchObject({ code: 0 });
    expect(stored('g')?.encoding).toContain('.tokens-int8');
  });

  it('says what to write into the file, which then names what was built, and says it no more', async () => {
    fill(double, 2);
    const first = await run('build', await configure('', 'maxDocumentTokens: 16'), '--codec', 'anchor-int8');
    const [head, line] = saidIn(first.stdout);
    expect(head).toBe('Searches read them once the section "index" of their configuration says');
    expect(line).toMatch(/^ {2}states: \{ sidecar: anchor-int8-[0-9a-f]{12}, codec: anchor-int8 \}$/);
    const told = await configure(line?.trim(), 'maxDocumentTokens: 16');
    const again = await run('build', told);
    expect(again.stdout).toMatch(/^0 states written to generation "anchor-int8-.*", 2 were there\.\n/);
    expect(saidIn(again.stdout)).toEqual([]);
    expect(JSON.parse((await run('build', told, '--json')).stdout)).not.toHaveProperty('config');
  });

  it.each([
    ['', '', ['--precision', 'fp16'], 'fp16'],
    ['', 'device: auto', ['--precision', 'fp32'], 'fp32'],
    ['', 'precision: int8', ['--precision', 'fp32'], 'fp32'],
    ['', 'precision: fp16', [], undefined],
    ['', '', [], undefined],
  ])(
    'says the precision too where searches by the file have, or may have, another: {%s}, {%s}, %j',
    async (index, reranker, more, precision) => {
      fill(double, 1);
      const config = await configure(index, reranker);
      const words = saidIn((await run('build', config, ...more)).stdout);
      const { stdout } = await run('build', config, '--json', ...more);
      expect(JSON.parse(stdout).config.reranker).toEqual(precision && { precision });
      const section = ['and the section "reranker"', `  precision: ${precision}`];
      expect(words.slice(2)).toEqual(precision ? section : []);
    },
  );

  it('says the precision alone where the file names these states already', async () => {
    fill(double, 1);
    const config = await configure('states: { sidecar: g }', 'device: auto, precision: fp32');
    expect(saidIn((await run('build', config)).stdout)).toEqual([]);
    const open = await configure('states: { sidecar: g }', 'device: auto');
    expect(saidIn((await run('build', open)).stdout)).toEqual([
      'Searches read them once the section "reranker" of their configuration says',
      expect.stringMatching(/^ {2}precision: fp(?:32|16)$/),
    ]);
  });

  it.each([
    // Quoted where YAML would read something else than text.
    [
      ['--generation', '1e5'],
      { sidecar: '1e5', codec: 'anchor-fp16' },
      '{ sidecar: "1e5", codec: anchor-fp16 }',
    ],
    [
      ['--generation', 'g', '--codec', 'tokens-int8:32'],
      { sidecar: 'g', codec: 'tokens-int8:32' },
      '{ sidecar: g, codec: tokens-int8:32 }',
    ],
    [
      ['--to', 'field', '--vector'],
      { field: 'blockrank_state', vector: true, codec: 'anchor-fp16' },
      '{ field: blockrank_state, vector: true, codec: anchor-fp16 }',
    ],
  ])('says it of %j in words and in JSON', async (more, states, section) => {
    double.make('docs', { 'index.knn': 'true' });
    fill(double, 1);
    const config = await configure('states: { sidecar: another }');
    const words = await run('build', config, ...more);
    expect(saidIn(words.stdout)[1]).toBe(`  states: ${section}`);
    const { stdout } = await run('build', config, '--json', ...more);
    expect(JSON.parse(stdout).config).toEqual({ index: { states } });
    // What was printed is a section of the file.
    const { index } = await loadConfig(await configure(`states: ${section}`), {});
    expect(index.states).toEqual(states);
  });

  it('wants an index and a server where there is no file', async () => {
    const withoutServer = await runCli(['states', 'status', '--index', 'docs']);
    expect(withoutServer.stderr).toContain('or --config <file>');
    const withoutIndex = await runCli(['states', 'status', '--opensearch', double.url]);
    expect(withoutIndex.stderr).toContain('--index: required');
    expect([withoutServer.code, withoutIndex.code]).toEqual([2, 2]);
  });
});
