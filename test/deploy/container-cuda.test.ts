import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadServeConfig } from '../../plugin/config/index.ts';
import { findTool, nothingWrong, root, runTool } from '../support/programs/deploy-tools.ts';
import { allowedPaths, copiedSources, instructionTexts, stagesOf } from '../support/programs/dockerfile.ts';
import { runCli } from '../support/programs/run-cli.ts';
import { tinyRuntime, tinyWheel } from '../support/tiny/provider-wheel.ts';

const hadolint = findTool('hadolint');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const textsOf = (keyword: string, stage: Parameters<typeof instructionTexts>[0]): string[] =>
  instructionTexts(stage, keyword);

describe('the container file for NVIDIA cards', () => {
  const file = read('deploy/container/Dockerfile.cuda');
  const stages = stagesOf(file);
  const [cuda, onCard] = stages;
  const runs = [...textsOf('RUN', cuda), ...textsOf('RUN', onCard)].join('\n');

  it('stands over the image for processors', () => {
    expect(file).toMatch(/^ARG BASE=blockrank:local$/m);
    expect(onCard![0]!.text).toBe(`${'$'}{BASE} AS runtime`);
    // What is started, on which port and how its health is asked are the other image's.
    for (const keyword of ['ENTRYPOINT', 'CMD', 'EXPOSE', 'HEALTHCHECK'])
      expect(textsOf(keyword, onCard)).toEqual([]);
  });

  it('pins its other base, and what pip fetches', () => {
    expect(cuda![0]!.text).toMatch(/^python:\d+\.\d+-slim-[a-z]+ AS cuda$/);
    expect(runs).not.toMatch(/curl|wget|https?:|index/);
    const packages = [...runs.matchAll(/"([\w-]+)==([^"]+)"/g)].map(([, name]) => name);
    expect(packages).toHaveLength(8);
    expect(runs.match(/"[\w-]+"/g)).toBeNull();
  });

  it("takes the provider of the lock file's runtime", () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    const { version } = packages['node_modules/onnxruntime-node']!;
    expect(textsOf('ARG', cuda)).toEqual([`ONNXRUNTIME=${version}`]);
    expect(runs).toContain('node /app/dist/plugin/cli/main.js cuda --wheel /wheel/*.whl');
  });

  it('finds CUDA where it was put, and asks the driver for no more than it needs', () => {
    const env = textsOf('ENV', onCard).join();
    expect(textsOf('COPY', onCard)[0]).toBe('--from=cuda /cuda/nvidia /opt/cuda');
    expect(env).toContain('LD_LIBRARY_PATH=/opt/cuda/cu13/lib:/opt/cuda/cudnn/lib');
    expect(env).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,utility');
  });

  it('runs as nobody special again once it is built', () => {
    expect(textsOf('USER', onCard)).toEqual(['0:0', '10001:10001']);
    expect(onCard!.at(-1)).toEqual({ keyword: 'USER', text: '10001:10001' });
  });

  it('copies a configuration that the service takes, on a card', async () => {
    const [, copied] = textsOf('COPY', onCard);
    const [source, target] = copied!.split(' ');
    expect(target).toBe('/etc/blockrank/blockrank.config.yaml');
    const { reranker, service } = await loadServeConfig(join(root, source!), {
      BLOCKRANK_KEY: '0123456789abcdef',
    });
    expect(reranker).toMatchObject({ device: 'cuda' });
    expect(service).toMatchObject({ host: '0.0.0.0', port: 8080 });
    await expect(loadServeConfig(join(root, source!), {})).rejects.toMatchObject({ code: 'configuration' });
  });

  it('copies what is there, and what .dockerignore lets through', () => {
    const sources = copiedSources(stages);
    expect(sources).toEqual(['deploy/container/blockrank.cuda.config.yaml']);
    const allowed = allowedPaths(read('.dockerignore'));
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(
        allowed.some((path) => source.startsWith(`${path}/`)),
        source,
      ).toBe(true);
    }
    // What is mounted while it is built comes from the stage that fetched it.
    expect(textsOf('RUN', onCard)[0]).toContain('--mount=type=bind,from=cuda,source=/wheel,target=/wheel ');
    expect(textsOf('RUN', cuda)[0]).toContain('--dest /wheel ');
    expect(textsOf('RUN', cuda)[0]).toContain('--target /cuda ');
  });

  it('is built over what the other container file leaves there', () => {
    const below = stagesOf(read('deploy/container/Dockerfile')).at(-1)!;
    const [, program, script] = /(node) (\S+) cuda /.exec(textsOf('RUN', onCard)[0]!)!;
    expect(JSON.parse(textsOf('ENTRYPOINT', below)[0]!)).toEqual([program, script]);
    const [user] = textsOf('USER', below);
    expect(textsOf('USER', onCard).at(-1)).toBe(user);
    const commands = [...file.matchAll(/^#\s+(docker build .*)$/gm)].map(([, command]) => command!);
    const base = /^ARG BASE=(\S+)$/m.exec(file)![1]!;
    expect(commands).toEqual([
      `docker build -f deploy/container/Dockerfile -t ${base} .`,
      expect.stringContaining(`--build-arg BASE=${base} .`),
    ]);
    expect(read('deploy/README.md')).toContain(commands[1]);
  });

  it('takes the libraries of CUDA 13 that the documentation names, at its versions', () => {
    const named = (text: string): string[] =>
      [...text.matchAll(/["'](nvidia-[\w-]+==[\d.*]+)["']/g)].map(([, each]) => each!).sort();
    expect(named(runs)).toHaveLength(7);
    expect(named(runs)).toEqual(named(read('docs/gpu.md')));
  });

  it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
    'places the provider by the command that refuses files which are not those of its version',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'blockrank-container-'));
      const [version] = textsOf('ARG', cuda).map((text) => text.split('=')[1]!);
      const [, line] = /main\.js cuda (.*)$/.exec(textsOf('RUN', onCard)[0]!)!;
      const wheel = await tinyWheel(folder, { version: version! });
      const runtime = await tinyRuntime(folder, { version: version! });
      const args = line!.split(' ').map((word) => (word === '/wheel/*.whl' ? wheel : word));
      const { code, stderr } = await runCli(['cuda', ...args, '--onnxruntime-node', runtime]);
      rmSync(folder, { recursive: true });
      expect(code).toBe(2);
      expect(stderr).toContain('SHA-256');
    },
  );

  it.skipIf(!hadolint)('has nothing that hadolint warns of', () => {
    expect(runTool(hadolint!, ['deploy/container/Dockerfile.cuda'])).toMatchObject({
      ...nothingWrong,
      stdout: '',
    });
  });
});
