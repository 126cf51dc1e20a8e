import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openReranker } from '../../../engine/index.ts';
import { hubCommit, type ModelHub, modelHub } from '../../support/doubles/model-hub.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';

const repository = 'tiny/mistral';
let source: string;
let cacheFolder: string;
let hub: ModelHub;

beforeAll(async () => {
  source = await tinyDecoder();
  await writeFile(join(source, 'training_args.bin'), 'nobody reads this');
});
afterAll(() => rm(source, { recursive: true }));
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'blockrank-pull-'));
  hub = await modelHub(repository, source);
});
afterEach(async () => {
  await hub.close();
  await rm(cacheFolder, { recursive: true });
});

const pull = (args: readonly string[] = [], env: Record<string, string> = {}): Promise<CliResult> =>
  runCli(['pull', repository, '--cache-folder', cacheFolder, ...args], {
    env: { HF_ENDPOINT: hub.url, ...env },
  });

describe('blockrank pull', () => {
  it('downloads what a model is made of, and nothing else, into a folder that opens', async () => {
    const { code, stdout, stderr } = await pull();
    expect(stderr).toContain('family   decoder, in-context');
    expect(code).toBe(0);
    const folder = stdout.trim();
    expect(folder.endsWith(hubCommit)).toBe(true);
    expect(existsSync(join(folder, 'training_args.bin'))).toBe(false);
    await (await openReranker({ model: folder })).close();
  });

  it('goes on where a download broke off', async () => {
    hub.breakAfter = 400_000;
    expect((await pull()).code).not.toBe(0);
    const part = join(cacheFolder, 'models', 'tiny--mistral', hubCommit, 'model.safetensors.part');
    const { size } = await stat(part);
    expect(size).toBeGreaterThan(0);
    hub.breakAfter = undefined;
    expect((await pull()).code).toBe(0);
    expect(hub.asked.some((line) => line.includes(`bytes=${size}-`))).toBe(true);
  });

  it('takes no file whose digest is another', async () => {
    hub.damaged = 'model.safetensors';
    const { code, stderr } = await pull();
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/model\.safetensors.*expected digest [0-9a-f]{64}/);
    hub.damaged = undefined;
    expect((await pull()).code).toBe(0);
  });

  it('gives offline what was downloaded before, and asks nobody', async () => {
    const missing = await pull(['--offline']);
    expect(missing.stderr).toMatch(/nothing is downloaded offline/);
    const folder = (await pull()).stdout;
    const before = hub.asked.length;
    expect((await pull([], { HF_HUB_OFFLINE: '1' })).stdout).toBe(folder);
    expect(hub.asked).toHaveLength(before);
  });

  it('says that a token is needed, and sends the one that it has', async () => {
    await hub.close();
    hub = await modelHub(repository, source, 'hf_secret');
    expect((await pull()).stderr).toMatch(/HTTP 401.*HF_TOKEN/);
    expect((await pull([], { HF_TOKEN: 'hf_secret' })).code).toBe(0);
  });

  it('says what a checkpoint lacks', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'blockrank-broken-'));
    await cp(source, broken, { recursive: true });
    const config = JSON.parse(await readFile(join(broken, 'config.json'), 'utf8')) as object;
    await writeFile(join(broken, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 5 }));
    await hub.close();
    hub = await modelHub(repository, broken);
    const { code, stderr } = await pull();
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/model\.layers\.4\.input_layernorm\.weight \[64\] is missing/);
  });

  it('refuses a name that is no model', async () => {
    const { code, stderr } = await runCli(['pull', 'nonsense']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('owner/name');
  });
});

describe('blockrank inspect', () => {
  it('tells what a folder is', async () => {
    const { stdout } = await runCli(['inspect', source, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      family: 'decoder',
      profile: 'in-context',
      layers: 4,
      computedLayers: 3,
      types: ['float32'],
      // Keys and values of two layers, keys of the third: 5 times 2 heads of 8 values of 4 bytes.
      bytesPerToken: 320,
      problems: [],
      devices: { cpu: true },
    });
  });

  it('knows encoders too, and says what is no model', async () => {
    expect((await runCli(['inspect', 'models/default'])).stdout).toContain('family   encoder, cacheable');
    const { code, stderr } = await runCli(['inspect', 'engine']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('expected a readable file');
  });
});
