import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeState } from '../../../engine/index.ts';
import { textDigest } from '../../../engine/text-digest.ts';
import { type OpenStateMaker, openStateMaker } from '../../../plugin/cli/states/state-maker.ts';
import { processIdentity } from '../../../plugin/cli/states/worker-owner.ts';
import { type StatesDouble, startStatesDouble } from '../../support/doubles/states-double.ts';
import { fill } from '../../support/doubles/states-fixture.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let model: string;
let maker: OpenStateMaker;
let double: StatesDouble;
beforeAll(async () => {
  model = await tinyModel();
  maker = await openStateMaker({ tier: 'anchor', model });
});
afterAll(() => maker.close());
beforeEach(async () => {
  double = await startStatesDouble();
});
afterEach(() => double.close());

const args = (command: string, ...more: string[]): string[] => [
  command,
  '--opensearch',
  double.url,
  '--index',
  'docs',
  ...more,
];
const texts = (): string[] => ['--field', 'title', '--field', 'body', '--model', model];
const states = (command: string, ...more: string[]): Promise<CliResult> =>
  runCli(['states', ...args(command, ...texts(), ...more)]);

const driver = process.env['VK_ICD_FILENAMES'];
if (!driver) console.log('A build on a device is skipped: no Vulkan driver is named.');

describe('blockrank states build', () => {
  it('makes states in half precision that its encoder alone reads', async () => {
    fill(double, 3);
    await states('build', '--no-estimate', '--generation', 'g', '--precision', 'fp16');
    const half = await openStateMaker({ tier: 'anchor', model, precision: 'fp16' });
    const { source } = double.documents('docs-blockrank-states-g').get('d1')!;
    const bytes = Buffer.from(source.state, 'base64');
    const key = { encodingDigest: half.encodingDigest, textDigest: textDigest('t1 b1') };
    await half.close();
    expect(decodeState(bytes, key).state).toBeDefined();
    expect(decodeState(bytes, { ...key, encodingDigest: maker.encodingDigest }).fault).toBe('foreign');
  });

  it.skipIf(!driver)('encodes on the device that is named, in pages that share its batches', async () => {
    fill(double, 30);
    const { code, stdout, stderr } = await runCli(
      [
        'states',
        ...args('build', ...texts(), '--generation', 'g', '--device', 'webgpu', '--precision', 'fp32'),
        ...['--no-estimate', '--workers', '3', '--batch', '4'],
      ],
      { env: { VK_ICD_FILENAMES: driver! } },
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('30 states written to generation "g", 0 were there.');
    const { source } = double.documents('docs-blockrank-states-g').get('d3')!;
    const key = { encodingDigest: maker.encodingDigest, textDigest: textDigest('t3 b3') };
    const [expected] = await maker.encode(['t3 b3']);
    const decoded = decodeState(Buffer.from(source.state, 'base64'), key);
    decoded.state!.anchors.forEach((value, i) => {
      expect(value).toBeCloseTo(expected!.anchors[i]!, 2);
    });
  });

  it('stores states that decode under the digest of the text that the model read', async () => {
    fill(double, 30);
    const { code, stdout, stderr } = await runCli([
      'states',
      ...args('build', ...texts(), '--generation', 'g'),
    ]);
    expect(stderr).toMatch(/^30 documents, about \d+ bytes a state and .* documents\/s/);
    expect(stdout).toContain('30 states written to generation "g", 0 were there.');
    expect(code).toBe(0);
    const { source } = double.documents('docs-blockrank-states-g').get('d3')!;
    const key = { encodingDigest: maker.encodingDigest, textDigest: textDigest('t3 b3') };
    const [expected] = await maker.encode(['t3 b3']);
    const decoded = decodeState(Buffer.from(source.state, 'base64'), key);
    expect(decoded.state?.blockTokens).toEqual(expected!.blockTokens);
    decoded.state?.anchors.forEach((value, i) => {
      // Half precision.
      expect(value).toBeCloseTo(expected!.anchors[i]!, 2);
    });
    expect(source).toMatchObject({
      text_digest: key.textDigest,
      encoding: `${key.encodingDigest}.anchor-fp16`,
    });
  });

  it('prints an estimate and sends nothing that changes anything, with --dry-run', async () => {
    fill(double, 30);
    const { code, stdout } = await states('build', '--dry-run', '--json');
    const { estimate, place } = JSON.parse(stdout);
    expect(estimate).toMatchObject({ documents: 30, sampled: 30 });
    expect(estimate.bytes).toBeGreaterThan(30 * estimate.bytesPerDocument);
    expect(place.generation).toBe(`anchor-fp16-${maker.encodingDigest.slice(0, 12)}`);
    expect(code).toBe(0);
    const changing = double.calls.filter(({ method, path }) => method === 'PUT' || path.startsWith('/_bulk'));
    expect(changing).toEqual([]);
  });

  it('names the generation after model and form, so that another form lies beside it', async () => {
    fill(double, 3);
    await states('build', '--no-estimate');
    await states('build', '--no-estimate', '--tier', 'tokens', '--codec', 'tokens-int8:4');
    const digest = maker.encodingDigest.slice(0, 12);
    expect(double.documents(`docs-blockrank-states-anchor-fp16-${digest}`).size).toBe(3);
    expect(double.documents(`docs-blockrank-states-tokens-int8-4-${digest}`).size).toBe(3);
  });

  it('ends with 1 and the reason when the server refuses a state', async () => {
    fill(double, 5);
    double.itemFault = (id) =>
      id === 'd3'
        ? { status: 400, body: { error: { type: 'odd_exception', reason: 'too odd' } } }
        : undefined;
    const { code, stderr, stdout } = await states('build', '--no-estimate');
    expect(stdout).toContain('1 were refused');
    expect(stderr).toContain('refused 1 states, the first because of odd_exception (status 400): too odd');
    expect(code).toBe(1);
  });

  it('ends after the batch in hand at Ctrl-C, with 130', async () => {
    fill(double, 60);
    const reached = new Promise<void>((resolve) => {
      double.itemFault = () => {
        resolve();
        return undefined;
      };
    });
    const slow = ['--no-estimate', '--batch', '5', '--docs-per-second', '20', '--workers', '1'];
    const { code, stdout } = await runCli(['states', ...args('build', ...texts(), ...slow)], {
      interruptAfter: () => reached,
    });
    expect(code).toBe(130);
    expect(stdout).toContain('Ended early; the same command goes on from here.');
    expect(double.openPits()).toBe(0);
  });

  it.each([
    [['--to', 'field', '--codec', 'tokens-int8'], 'take --to sidecar'],
    [['--to', 'field', '--vector', '--tier', 'tokens'], 'take --to sidecar'],
    [['--vector'], '--vector: is for --to field only'],
    [['--to', 'field', '--generation', 'g'], '--generation: is for --to sidecar only'],
    [['--state-field', 's'], '--state-field: is for --to field only'],
    [['--to', 'field', '--state-field', 'a.b'], 'expected one name without dots'],
    [['--generation', 'Big'], 'expected small letters'],
    [['--codec', 'zip'], '--codec: expected anchor-fp16'],
  ])('refuses %j', async (more, message) => {
    fill(double, 1);
    const { code, stderr } = await states('build', ...more);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('asks for a server when none is named', async () => {
    const { code, stderr } = await runCli(['states', 'build', '--index', 'docs', ...texts()]);
    expect(stderr).toContain("give the server's address");
    expect(code).toBe(2);
  });
});

describe('blockrank states watch', () => {
  it('builds, keeps what is new fresh, prints a line a build, and ends at Ctrl-C with 130', async () => {
    fill(double, 12);
    const more = ['--generation', 'g', '--no-estimate', '--interval', '1', '--json'];
    const { code, stdout, stderr } = await runCli(['states', ...args('watch', ...texts(), ...more)], {
      interruptAfter: async ({ printed }) => {
        await printed(/"build":1,/);
        double.write('docs', 'new', { title: 'new', body: 'words' });
        await printed(/"written":1,/);
      },
    });
    expect(stderr).toBe('');
    expect(code).toBe(130);
    const rounds = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rounds[0]).toMatchObject({ build: 1, isWhole: true, counts: { seen: 12, written: 12 } });
    expect(rounds.slice(1).reduce((sum, { counts }) => sum + counts.written, 0)).toBe(1);
    expect(double.openPits()).toBe(0);
  });

  it('says once that the server is away, goes on when it is back, and ends with 0 when it is told to', async () => {
    fill(double, 3);
    const more = ['--generation', 'g', '--no-estimate', '--interval', '1'];
    const { code, stdout, stderr } = await runCli(['states', ...args('watch', ...texts(), ...more)], {
      interruptAfter: async ({ printed }) => {
        await printed(/^build 1: /m);
        double.fault = () => 'away';
        await printed(/the server is away/);
        double.fault = undefined;
        double.write('docs', 'new', { title: 'new', body: 'words' });
        await printed(/: 1 states written/);
      },
      signal: 'SIGTERM',
    });
    expect(stderr).toMatch(
      /^blockrank: the server is away \(.*\); waiting until it is back\.\nblockrank: the server is back\.\n$/,
    );
    expect(stdout).toContain('build 1: 3 states written to generation "g", 0 were there.');
    expect(stdout).toContain(': 1 states written to generation "g", 0 were there.');
    expect(code).toBe(0);
  });

  it('prints an estimate and changes nothing, with --dry-run', async () => {
    fill(double, 3);
    const { code, stdout } = await states('watch', '--dry-run');
    expect(stdout).toMatch(/^3 documents, about \d+ bytes a state/);
    expect(code).toBe(0);
    expect(double.calls.filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});

describe('blockrank states build --to field --vector', () => {
  it('keeps the anchor of a document as a vector that the server searches by, and drops it again', async () => {
    double.make('docs', { 'index.knn': 'true' });
    double.write('docs', 'short', { title: 'a', body: 'cat' });
    double.write('docs', 'long', { title: 'a', body: 'dog '.repeat(60) });
    const to = ['--to', 'field', '--vector'];
    expect(await states('build', '--no-estimate', ...to)).toMatchObject({ code: 0 });
    const { vector: mapping } = double.mapping('docs').blockrank_state.properties;
    const [expected] = await maker.encode(['a cat']);
    expect(mapping).toMatchObject({ type: 'knn_vector', dimension: expected!.width });
    const { blockrank_state: short } = double.documents('docs').get('short')!.source;
    expect(new Float32Array(short.vector)).toEqual(new Float32Array(expected!.anchors));
    expect(short).toMatchObject({ state: null, vector_digest: textDigest('a cat') });
    const { blockrank_state: long } = double.documents('docs').get('long')!.source;
    expect(Buffer.from(long.state, 'base64').byteLength).toBeGreaterThan(64);
    expect(long.vector.reduce((sum: number, value: number) => sum + value * value, 0)).toBeCloseTo(1, 6);
    const status = await states('status', '--json', ...to);
    expect(JSON.parse(status.stdout)).toMatchObject({ documents: 2, fresh: 2 });
    const drop = await runCli(['states', ...args('drop', '--to', 'field')]);
    expect(drop.stdout).toContain('field "blockrank_state" of 2 documents');
  });

  it('says what to do about an index that takes no vectors, and ends with 2', async () => {
    fill(double, 1);
    const { code, stderr } = await states('build', '--no-estimate', '--to', 'field', '--vector');
    expect(stderr).toMatch(/made without "index.knn": true.*_reindex/);
    expect(code).toBe(2);
  });
});

describe('blockrank states status', () => {
  it('counts fresh, stale, missing and foreign states, and bytes', async () => {
    fill(double, 10);
    await states('build', '--no-estimate', '--generation', 'g');
    double.write('docs', 'd1', { title: 'other', body: 'words' });
    double.write('docs', 'd99', { title: 'new', body: 'words' });
    double.remove('docs', 'd2');
    const { stdout } = await states('status', '--generation', 'g');
    const lines = [
      'documents  10',
      'fresh      8',
      'stale      1',
      'missing    1',
      'foreign    0',
      'orphaned   1',
      'size       1.0 KB',
    ];
    expect(stdout.trim().split('\n')).toEqual(lines);
    const other = await states('status', '--generation', 'g', '--codec', 'anchor-int8', '--json');
    expect(JSON.parse(other.stdout)).toMatchObject({ fresh: 0, stale: 0, missing: 1, foreign: 9 });
  });
});

describe('blockrank states drop', () => {
  it('takes one generation away, and says when nothing was there', async () => {
    fill(double, 3);
    await states('build', '--no-estimate', '--generation', 'g');
    const drop = args('drop', '--generation', 'g');
    expect((await runCli(['states', ...drop])).stdout).toBe('Removed: index "docs-blockrank-states-g".\n');
    expect((await runCli(['states', ...drop])).stdout).toBe('Nothing was there.\n');
    expect(double.documents('docs').size).toBe(3);
  });

  it('wants to be told which generation', async () => {
    fill(double, 1);
    const { code, stderr } = await runCli(['states', ...args('drop')]);
    expect(stderr).toContain('--generation: required');
    expect(code).toBe(2);
  });
});

describe('processIdentity', () => {
  it('knows processes of this machine that have ended, and no others', () => {
    const { owner, isDead } = processIdentity();
    const [host, pid] = owner.split(':');
    expect(isDead(`${owner}/0`)).toBe(false);
    expect(isDead(`${host}:${pid}:another/0`)).toBe(true);
    expect(isDead(`${host}:99999999:x/0`)).toBe(true);
    expect(isDead(`${host}:${process.ppid}:x/0`)).toBe(false);
    expect(isDead('elsewhere:1:x/0')).toBe(false);
  });
});
