import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadServeConfig } from '../../plugin/config/index.ts';
import { findTool, nothingWrong, root, runTool } from '../support/programs/deploy-tools.ts';
import { allowedPaths, copiedSources, instructionTexts, stagesOf } from '../support/programs/dockerfile.ts';

const hadolint = findTool('hadolint');
const cyclonedxValidate = findTool('cyclonedx-validate');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'blockrank-container-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stages = stagesOf(read('deploy/container/Dockerfile'));
const runtime = stages.at(-1)!;
const textsOf = (keyword: string, stage = runtime): string[] => instructionTexts(stage, keyword);

describe('the container file', () => {
  it('builds in one stage and runs in another', () => {
    const names = stages.map((stage) => / AS (\w+)$/.exec(stage[0]!.text)?.[1]);
    expect(names).toEqual(['build', 'runtime']);
  });

  it('pins the major version and the distribution of its bases', () => {
    for (const [first] of stages) expect(first!.text).toMatch(/^node:\d+-[a-z]+-slim AS /);
  });

  it('fetches nothing but packages', () => {
    expect(stages.flatMap((stage) => textsOf('ADD', stage))).toEqual([]);
    const runs = stages.flatMap((stage) => textsOf('RUN', stage)).join('\n');
    expect(runs).not.toMatch(/curl|wget|https?:/);
    expect(runs).toContain('npm ci');
  });

  it('runs as nobody special, by number, so that Kubernetes can tell', () => {
    expect(textsOf('USER')).toEqual(['10001:10001']);
  });

  it('ends on SIGTERM without a shell in between', () => {
    expect(textsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(JSON.parse(textsOf('ENTRYPOINT')[0]!)).toEqual(['node', '/app/dist/plugin/cli/main.js']);
    expect(JSON.parse(textsOf('CMD')[0]!)).toEqual([
      'serve',
      '--config',
      '/etc/blockrank/blockrank.config.yaml',
    ]);
  });

  it('starts what package.json calls the program', () => {
    const { bin } = JSON.parse(read('package.json')) as { readonly bin: Readonly<Record<string, string>> };
    expect(join('/app', bin['blockrank']!)).toBe('/app/dist/plugin/cli/main.js');
  });

  it('has a health check without programs that the base lacks', () => {
    expect(textsOf('HEALTHCHECK')[0]).toContain('CMD ["node", "-e", ');
  });

  it('copies what is there, and what .dockerignore lets through', () => {
    const allowed = allowedPaths(read('.dockerignore'));
    const sources = copiedSources(stages);
    expect(sources.length).toBeGreaterThan(10);
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(
        allowed.some((path) => source === path || source.startsWith(`${path}/`)),
        source,
      ).toBe(true);
    }
    expect(read('.dockerignore')).toMatch(/^\*$/m);
  });

  it.skipIf(!hadolint)('has nothing that hadolint warns of', () => {
    expect(runTool(hadolint!, ['deploy/container/Dockerfile'])).toMatchObject({
      ...nothingWrong,
      stdout: '',
    });
  });
});

describe("the image's configuration", () => {
  const path = join(root, 'deploy/container/blockrank.config.yaml');

  it('is one that the service takes, on the port of the health check', async () => {
    const { service } = await loadServeConfig(path, { BLOCKRANK_KEY: '0123456789abcdef' });
    const [port] = textsOf('EXPOSE');
    expect(service).toMatchObject({ host: '0.0.0.0', port: Number(port) });
    expect(textsOf('ENV').join()).toContain(`http://127.0.0.1:${port}/healthz`);
  });

  it('does not start an open service when the key is forgotten', async () => {
    await expect(loadServeConfig(path, {})).rejects.toMatchObject({
      code: 'configuration',
      issues: [expect.objectContaining({ path: 'service.keys[0].key' })],
    });
  });
});

interface Component {
  readonly name: string;
  readonly version?: string;
  readonly type: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  readonly components?: readonly Component[];
}

describe('the SBOM', () => {
  const path = join(folder, 'sbom.cdx.json');
  const said = runTool('bash', ['deploy/container/sbom', path]);
  const bom = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as { readonly components: readonly Component[] })
    : { components: [] };
  const named = (name: string): Component | undefined => bom.components.find((each) => each.name === name);
  const manifest = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies' | 'peerDependencies',
    Readonly<Record<string, string>>
  >;

  it('is written', () => {
    expect(said).toMatchObject(nothingWrong);
  });

  it('names every package that the service needs, with the version of the lock file', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    // The clients are optional for users; the image has them, for `install` and `status`.
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) {
      expect(named(name)?.version, name).toBe(packages[`node_modules/${name}`]!.version);
    }
  });

  it('names nothing that only development needs', () => {
    const names = bom.components.map(({ name }) => name);
    const kept = { ...manifest.dependencies, ...manifest.peerDependencies };
    const development = Object.keys(manifest.devDependencies).filter((name) => !(name in kept));
    const shared = ['fastify']; // Needed by the service's plugins whoever names it.
    expect(names.filter((name) => development.includes(name) && !shared.includes(name))).toEqual([]);
  });

  it("names the model's files with their digests and the licence of the weights", () => {
    const model = bom.components.find(({ type }) => type === 'machine-learning-model')!;
    const weights = createHash('sha256')
      .update(readFileSync(join(root, 'models/default/model.safetensors')))
      .digest('hex');
    expect(model.hashes).toEqual([{ alg: 'SHA-256', content: weights }]);
    expect(model.licenses).toEqual([{ license: { id: 'MIT' } }]);
    const files = readdirSync(join(root, 'models/default')).filter((file) => file !== 'README.md');
    expect(model.components!.map(({ name }) => name)).toEqual(files.map((file) => `models/default/${file}`));
  });

  it.skipIf(!cyclonedxValidate)("keeps CycloneDX's strict schema", () => {
    expect(runTool(cyclonedxValidate!, [path])).toMatchObject(nothingWrong);
  });
});
