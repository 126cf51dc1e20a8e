/** Made-up wheels of ONNX Runtime's provider, and made-up packages of onnxruntime-node to put it into. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';

/** The files that make a provider. */
export const tinyProvider = {
  'libonnxruntime_providers_shared.so': 'shared',
  'libonnxruntime_providers_cuda.so': 'cuda 13',
} as const;

/** What a wheel says that is not as it should be. */
export interface WheelForm {
  readonly name?: string;
  readonly version?: string;
  readonly tag?: string;
  readonly cudaVersion?: string;
  /** Files in place of the wheel's; undefined leaves one out, after its digest was listed. */
  readonly files?: Readonly<Record<string, string | undefined>>;
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** Writes a wheel and gives its path. @param form - Where it departs from one for onnxruntime-node 9.9.9. */
export async function tinyWheel(folder: string, form: WheelForm = {}): Promise<string> {
  const { name = 'onnxruntime-gpu', version = '9.9.9', cudaVersion = '13.0' } = form;
  const { tag = 'cp312-cp312-manylinux_2_28_x86_64' } = form;
  const own: Record<string, string> = {
    'onnxruntime/capi/build_and_package_info.py': `__version__ = '${version}'\ncuda_version = '${cudaVersion}'\n`,
    ...Object.fromEntries(
      Object.entries(tinyProvider).map(([file, text]) => [`onnxruntime/capi/${file}`, text]),
    ),
  };
  const about = `onnxruntime_gpu-${version}.dist-info`;
  const record = Object.entries(own).map(([path, text]) => `${path},sha256=${digestOf(text)},${text.length}`);
  const files = {
    ...own,
    [`${about}/METADATA`]: `Metadata-Version: 2.4\nName: ${name}\nVersion: ${version}\n`,
    [`${about}/WHEEL`]: `Wheel-Version: 1.0\nTag: ${tag}\n`,
    [`${about}/RECORD`]: `${record.join('\n')}\n`,
    ...form.files,
  };
  const bytes = Object.entries(files).flatMap(([path, text]) =>
    text === undefined ? [] : [[path, Buffer.from(text)] as const],
  );
  const path = join(folder, `onnxruntime_gpu-${version}-${tag}.whl`);
  await writeFile(path, zipSync(Object.fromEntries(bytes)));
  return path;
}

/** Writes a package for Linux x64 without a provider and gives its folder. */
export async function tinyRuntime(
  folder: string,
  {
    name = 'onnxruntime-node',
    version = '9.9.9',
  }: { readonly name?: string; readonly version?: string } = {},
): Promise<string> {
  const path = join(folder, 'onnxruntime-node');
  const libraries = join(path, 'bin/napi-v6/linux/x64');
  await mkdir(libraries, { recursive: true });
  await writeFile(join(path, 'package.json'), JSON.stringify({ name, version }));
  await writeFile(join(libraries, 'libonnxruntime.so.1'), 'runtime');
  return path;
}
