import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../support/programs/run-cli.ts';
import { tinyProvider, tinyRuntime, tinyWheel } from '../../support/tiny/provider-wheel.ts';

let folder: string;
let runtime: string;
let libraries: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-cuda-test-'));
  runtime = await tinyRuntime(folder);
  libraries = join(runtime, 'bin/napi-v6/linux/x64');
});
afterEach(() => rm(folder, { recursive: true }));

const cuda = (...args: string[]) => runCli(['cuda', '--onnxruntime-node', runtime, ...args]);

/** A program in the place of Python. */
async function pythonOf(script: string): Promise<string> {
  const path = join(folder, 'python');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('blockrank cuda', () => {
  it('places the provider of a wheel, without a network', async () => {
    const { code, stdout, stderr } = await cuda('--wheel', await tinyWheel(folder));
    expect(code).toBe(0);
    expect(stdout).toContain(`placed: ${join(libraries, 'libonnxruntime_providers_cuda.so')}\n`);
    expect(stdout).toContain('onnxruntime-node 9.9.9 loads CUDA 13.0 from here on.\n');
    expect(stderr).toContain("its files were checked by the wheel's own list alone");
    expect(stderr).toContain('blockrank doctor says what is missing');
    for (const [name, text] of Object.entries(tinyProvider)) {
      expect(await readFile(join(libraries, name), 'utf8')).toBe(text);
    }
  });

  it('says as JSON what a dry run would place', async () => {
    const { stdout } = await cuda('--wheel', await tinyWheel(folder), '--dry-run', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      version: '9.9.9',
      cudaVersion: '13.0',
      isDryRun: true,
      files: [{ outcome: 'placed' }, { outcome: 'placed' }],
    });
    expect(await readdir(libraries)).toEqual(['libonnxruntime.so.1']);
  });

  it('asks pip for the very version, and keeps nothing of the download', async () => {
    const wheel = await tinyWheel(folder);
    const asked = join(folder, 'asked');
    const python = await pythonOf(`echo "$@" > ${asked}
for each in "$@"; do case $each in --dest=*) cp ${wheel} "\${each#--dest=}";; esac; done`);
    const { code, stdout } = await cuda('--python', python);
    expect([code, stdout]).toEqual([0, expect.stringContaining('placed: ')]);
    const words = (await readFile(asked, 'utf8')).trim().split(' ');
    expect(words.slice(0, 3)).toEqual(['-m', 'pip', 'download']);
    expect(words).toEqual(
      expect.arrayContaining(['--no-deps', '--only-binary=:all:', 'onnxruntime-gpu==9.9.9']),
    );
    // The index is pip's own: PyPI, or what its user configured.
    expect(words.join(' ')).not.toMatch(/index|http/);
    const destination = words.find((word) => word.startsWith('--dest='))!.slice('--dest='.length);
    await expect(readdir(destination)).rejects.toThrow('ENOENT');
  });

  it('says what pip said when it failed, and how to do without it', async () => {
    const python = await pythonOf(`echo 'WARNING: Retrying' >&2
echo 'ERROR: No matching distribution found for onnxruntime-gpu==9.9.9' >&2
exit 1`);
    const { code, stderr } = await cuda('--python', python);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'Cannot download the wheel: No matching distribution found for onnxruntime-gpu==9.9.9; or download it on another machine and give --wheel',
    );
  });

  it('says what is missing where there is no Python, or one without pip', async () => {
    const missing = await cuda('--python', join(folder, 'none'));
    expect(missing.stderr).toContain(`there is no "${join(folder, 'none')}": install Python with pip`);
    const python = await pythonOf(`echo 'python: No module named pip' >&2; exit 1`);
    expect((await cuda('--python', python)).stderr).toContain('No module named pip; or download it');
    const silent = await cuda('--python', await pythonOf('exit 0'));
    expect(silent.stderr).toContain('pip gave no wheel');
  });

  it('ends with 2 when the wheel is not the one that is needed', async () => {
    const { code, stderr } = await cuda('--wheel', await tinyWheel(folder, { version: '9.9.8' }));
    expect([code, stderr]).toEqual([2, expect.stringContaining('expected version 9.9.9')]);
  });
});
