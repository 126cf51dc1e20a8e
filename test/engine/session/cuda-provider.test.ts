import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeCudaProvider, type RuntimePlace, runtimePlace } from '../../../engine/index.ts';
import { tinyProvider, tinyRuntime, tinyWheel, type WheelForm } from '../../support/tiny/provider-wheel.ts';

let folder: string;
let place: RuntimePlace;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-cuda-'));
  place = await runtimePlace(await tinyRuntime(folder), 'linux/x64');
});
afterEach(() => rm(folder, { recursive: true }));

const filesThere = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(place.libraries)).map(
        async (name) => [name, await readFile(join(place.libraries, name), 'utf8')] as const,
      ),
    ),
  );

describe('placeCudaProvider', () => {
  it("puts the wheel's two files beside the runtime, and nothing else", async () => {
    const placed = await placeCudaProvider({ wheel: await tinyWheel(folder), place });
    expect(placed).toMatchObject({ version: '9.9.9', cudaVersion: '13.0', isKnown: false });
    expect(placed.files.map(({ outcome }) => outcome)).toEqual(['placed', 'placed']);
    expect(await filesThere()).toEqual({ ...tinyProvider, 'libonnxruntime.so.1': 'runtime' });
  });

  it('leaves what is there already, and replaces what is another', async () => {
    const wheel = await tinyWheel(folder);
    await placeCudaProvider({ wheel, place });
    await writeFile(join(place.libraries, 'libonnxruntime_providers_cuda.so'), 'cuda 12');
    const { files } = await placeCudaProvider({ wheel, place });
    expect(files.map(({ outcome }) => outcome)).toEqual(['unchanged', 'replaced']);
    expect(await filesThere()).toMatchObject(tinyProvider);
  });

  it('checks everything and writes nothing when it is a dry run', async () => {
    const { files } = await placeCudaProvider({ wheel: await tinyWheel(folder), place, isDryRun: true });
    expect(files.map(({ outcome }) => outcome)).toEqual(['placed', 'placed']);
    expect(await filesThere()).toEqual({ 'libonnxruntime.so.1': 'runtime' });
  });

  const cuda = 'onnxruntime/capi/libonnxruntime_providers_cuda.so';
  const record = 'onnxruntime_gpu-9.9.9.dist-info/RECORD';
  it.each<[string, WheelForm, string]>([
    ['another package', { name: 'onnxruntime' }, 'expected the wheel onnxruntime-gpu, found onnxruntime'],
    [
      'another version',
      { version: '9.9.8' },
      'expected version 9.9.9, which onnxruntime-node has, found 9.9.8',
    ],
    [
      'another processor',
      { tag: 'cp312-cp312-manylinux_2_28_aarch64' },
      'expected a wheel for Linux on x86_64, found cp312-cp312-manylinux_2_28_aarch64',
    ],
    ['another system', { tag: 'cp312-cp312-win_amd64' }, 'expected a wheel for Linux on x86_64, found'],
    ['another CUDA', { cudaVersion: '12.8' }, 'expected a provider for CUDA 13, found one for CUDA 12.8'],
    ['a provider that is damaged', { files: { [cuda]: 'cuda 1e' } }, `${cuda} is damaged: SHA-256 `],
    ['no provider', { files: { [cuda]: undefined } }, `it has no ${cuda}`],
    ['no digests', { files: { [record]: '' } }, 'its list of files has no digest of onnxruntime/capi/'],
    ['no metadata', { files: { 'onnxruntime_gpu-9.9.9.dist-info/METADATA': undefined } }, 'found no name'],
  ])('refuses a wheel with %s', async (_what, form, message) => {
    const wheel = await tinyWheel(folder, form);
    await expect(placeCudaProvider({ wheel, place })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(message),
    });
    expect(await filesThere()).toEqual({ 'libonnxruntime.so.1': 'runtime' });
  });

  it('refuses files of a version that it knows by digest, when they are not those', async () => {
    const known = { version: '1.30.0' };
    const wheel = await tinyWheel(folder, known);
    const published = await runtimePlace(await tinyRuntime(folder, known), 'linux/x64');
    await expect(placeCudaProvider({ wheel, place: published })).rejects.toThrow(
      /libonnxruntime_providers_shared\.so has the SHA-256 [0-9a-f]{64}, which no wheel 1\.30\.0 of PyPI has/,
    );
  });

  it('knows the digests for the runtime that this package runs with', async () => {
    const manifest = new URL('../../../node_modules/onnxruntime-node/package.json', import.meta.url);
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { readonly version: string };
    const wheel = await tinyWheel(folder, { version });
    const own = await runtimePlace(await tinyRuntime(folder, { version }), 'linux/x64');
    // Fails with an update of onnxruntime-node: the digests of the new wheels belong into the table.
    await expect(placeCudaProvider({ wheel, place: own })).rejects.toThrow('which no wheel');
  });

  it('refuses what is no wheel, or not there', async () => {
    const wheel = join(folder, 'page.whl');
    await writeFile(wheel, '<html>');
    await expect(placeCudaProvider({ wheel, place })).rejects.toThrow('it cannot be read: ');
    await expect(placeCudaProvider({ wheel: join(folder, 'no.whl'), place })).rejects.toThrow('ENOENT');
  });

  // Root may write everywhere.
  it.skipIf(process.getuid?.() === 0)(
    'says who has to run it where the folder cannot be written',
    async () => {
      await chmod(place.libraries, 0o555);
      await expect(placeCudaProvider({ wheel: await tinyWheel(folder), place })).rejects.toThrow(
        'run it as the owner of node_modules',
      );
      await chmod(place.libraries, 0o755);
    },
  );

  it('says what would help where a file cannot be written', async () => {
    const gone = { ...place, libraries: join(folder, 'gone') };
    const wheel = await tinyWheel(folder);
    await expect(placeCudaProvider({ wheel, place: gone })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringMatching(
        /^Cannot place the CUDA provider: ENOENT: .*: install onnxruntime-node again$/,
      ),
    });
  });
});

describe('runtimePlace', () => {
  it('finds the runtime of this package', async () => {
    const own = await runtimePlace(undefined, 'linux/x64');
    expect(own.libraries).toMatch(/onnxruntime-node\/bin\/napi-v6\/linux\/x64$/);
    expect(own.version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('refuses platforms that CUDA is not published for', async () => {
    await expect(runtimePlace(place.packageFolder, 'linux/arm64')).rejects.toThrow(
      'onnxruntime-node has CUDA on Linux x64 alone, and this is linux/arm64',
    );
  });

  it('refuses folders of another package, of none, and one without its library', async () => {
    await expect(runtimePlace(folder, 'linux/x64')).rejects.toThrow(
      'is no folder of onnxruntime-node: ENOENT',
    );
    const other = await tinyRuntime(join(folder, 'other'), { name: 'onnxruntime-web' });
    await expect(runtimePlace(other, 'linux/x64')).rejects.toThrow('its package.json names onnxruntime-web');
    await rm(join(place.libraries, 'libonnxruntime.so.1'));
    await expect(runtimePlace(place.packageFolder, 'linux/x64')).rejects.toThrow(
      'has no libonnxruntime.so.1',
    );
  });
});
