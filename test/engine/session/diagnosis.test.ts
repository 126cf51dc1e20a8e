import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cudaLibraries } from '../../../engine/session/cuda-libraries.ts';
import { examineDevice } from '../../../engine/session/diagnosis.ts';

/** A folder of files by name. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-cuda-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** ONNX Runtime's two files for CUDA, which name the libraries that they need. */
const providerOf = (version: number): Record<string, string> => ({
  'libonnxruntime_providers_shared.so': '',
  'libonnxruntime_providers_cuda.so': `\u007fELF\0libcublasLt.so.${version}\0libcublas.so.${version}\0libcudart.so.${version}\0libcudnn.so.9\0`,
});
const toolkit = (version: number): Record<string, string> =>
  Object.fromEntries(['cublasLt', 'cublas', 'cudart'].map((name) => [`lib${name}.so.${version}`, '']));

describe('cudaLibraries', () => {
  it('finds what the provider needs, in the folders that the loader searches', async () => {
    const folder = await folderOf(providerOf(13));
    const here = await folderOf({ ...toolkit(13), 'libcudnn.so.9': '', 'libcuda.so.1': '' });
    const found = cudaLibraries({ LD_LIBRARY_PATH: `/nowhere:${here}` }, folder);
    expect(found).toMatchObject({ wanted: 13, driver: join(here, 'libcuda.so.1'), missing: [] });
    expect(found.versions).toContain(13);
    expect(found.needed['libcublas.so.13']).toBe(join(here, 'libcublas.so.13'));
  });

  it('names each file that is missing, and the version of CUDA that is here in its place', async () => {
    const folder = await folderOf(providerOf(12));
    const here = await folderOf({ ...toolkit(13), 'libcuda.so.1': '' });
    const { missing } = cudaLibraries({ LD_LIBRARY_PATH: here }, folder);
    expect(missing).toEqual([
      expect.stringMatching(
        /^libcublas\.so\.12, libcublasLt\.so\.12, libcudart\.so\.12, libcudnn\.so\.9: install CUDA 12 and cuDNN 9.*CUDA 13 is here, which the file cannot use/,
      ),
    ]);
  });

  it('says how the provider is installed where the package came without it', async () => {
    const here = await folderOf({ 'libcuda.so.1': '' });
    const { missing, provider, wanted } = cudaLibraries({ LD_LIBRARY_PATH: here }, await folderOf({}));
    expect([provider, wanted]).toEqual([undefined, undefined]);
    expect(missing).toEqual([
      expect.stringMatching(
        /^libonnxruntime_providers_cuda\.so: install onnxruntime-node .*CUDA 12 and cuDNN 9.*onnxruntime-gpu/,
      ),
    ]);
  });
});

describe('examineDevice', () => {
  it('explains why CUDA cannot open without asking the runtime for it', async () => {
    const report = await examineDevice('cuda', { LD_LIBRARY_PATH: '' });
    if (report.opens) return console.log('Skipped: CUDA opens here.');
    expect(report.problems.length).toBeGreaterThan(0);
    expect(report.libraries!.missing).toEqual(report.problems.slice(0, report.libraries!.missing.length));
  });
});
