/** Puts ONNX Runtime's provider for CUDA 13 where the Node package looks for one. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { readProviderWheel } from './provider-wheel.ts';

/** Where ONNX Runtime's libraries lie. */
export interface RuntimePlace {
  /** The folder of the package onnxruntime-node. */
  readonly packageFolder: string;
  /** Its folder of libraries for this platform. */
  readonly libraries: string;
  /** Its version. */
  readonly version: string;
}

/** Options of {@link placeCudaProvider}. */
export interface PlaceOptions {
  /** Path of the wheel `onnxruntime-gpu`. */
  readonly wheel: string;
  /** Where it goes. @defaultValue the package that this one runs with */
  readonly place?: RuntimePlace;
  /** Whether all is checked and nothing written. @defaultValue false */
  readonly isDryRun?: boolean;
}

/** What was placed. */
export interface PlacedProvider {
  /** Version of ONNX Runtime. */
  readonly version: string;
  /** Version of CUDA that the provider needs. */
  readonly cudaVersion: string;
  /** Whether this release knows the published digests; else the wheel's own list was all there was to check by. */
  readonly isKnown: boolean;
  /** The files. */
  readonly files: readonly PlacedFile[];
}

/** One file of a provider. */
export interface PlacedFile {
  /** Where it lies. */
  readonly path: string;
  /** Its digest, in hexadecimal. */
  readonly sha256: string;
  /** `placed` where none was, `replaced` where another one was, `unchanged` where it was already. */
  readonly outcome: 'placed' | 'replaced' | 'unchanged';
}

const packageName = 'onnxruntime-node';

/**
 * The runtime of a folder, or the one that this package runs with.
 *
 * @param packageFolder - A folder of the package onnxruntime-node.
 * @param platform - As Node calls system and processor. @defaultValue `linux/x64` or whatever this is
 * @throws ConfigurationError where there is no such package, or none with libraries for CUDA's only platform.
 */
export async function runtimePlace(
  packageFolder: string = dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)),
  platform = `${process.platform}/${process.arch}`,
): Promise<RuntimePlace> {
  const fault = (message: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError('Cannot place the CUDA provider', [{ path: '', message }], { cause });
  if (platform !== 'linux/x64') {
    throw fault(
      `${packageName} has CUDA on Linux x64 alone, and this is ${platform}; the device "webgpu" needs the driver alone`,
    );
  }
  const manifest = join(packageFolder, 'package.json');
  let name: unknown;
  let version: unknown;
  try {
    ({ name, version } = JSON.parse(await readFile(manifest, 'utf8')) as Record<string, unknown>);
  } catch (cause) {
    throw fault(`"${packageFolder}" is no folder of ${packageName}: ${(cause as Error).message}`, cause);
  }
  if (name !== packageName || typeof version !== 'string') {
    throw fault(`"${packageFolder}" is no folder of ${packageName}: its package.json names ${String(name)}`);
  }
  const libraries = join(packageFolder, 'bin', 'napi-v6', platform);
  if (!existsSync(join(libraries, 'libonnxruntime.so.1'))) {
    throw fault(`"${libraries}" has no libonnxruntime.so.1: the package is not whole, install it again`);
  }
  return { packageFolder, libraries, version };
}

/**
 * Places the provider's files beside ONNX Runtime's own library; a provider for CUDA 12 that was there is replaced.
 * Rerankers that are open keep what they have loaded.
 *
 * @throws ConfigurationError when the wheel is not the one that is needed, or the folder cannot be written.
 */
export async function placeCudaProvider({
  wheel,
  place,
  isDryRun = false,
}: PlaceOptions): Promise<PlacedProvider> {
  const { libraries, version } = place ?? (await runtimePlace());
  const { files, cudaVersion, isKnown } = await readProviderWheel(wheel, version);
  const placed: PlacedFile[] = [];
  for (const [name, { bytes, sha256 }] of files) {
    const path = join(libraries, name);
    const before = await digestOf(path);
    if (before === sha256) placed.push({ path, sha256, outcome: 'unchanged' });
    else {
      if (!isDryRun) await write(path, bytes);
      placed.push({ path, sha256, outcome: before === undefined ? 'placed' : 'replaced' });
    }
  }
  return { version, cudaVersion, isKnown, files: placed };
}

async function digestOf(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** What helps where a file cannot be written, by the system's code. */
const advice: Readonly<Record<string, string>> = {
  EACCES: 'run it as the owner of node_modules, for instance while an image is built',
  EPERM: 'run it as the owner of node_modules, for instance while an image is built',
  EROFS: 'run it where node_modules can be written, for instance while an image is built',
  ENOSPC: 'make room for 272 MB',
  ENOENT: 'install onnxruntime-node again',
};

/** Under another name first: a library that a process has mapped is never written over. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}`;
  try {
    await writeFile(beside, bytes, { mode: 0o644 });
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new ConfigurationError(
      'Cannot place the CUDA provider',
      [{ path: '', message: `${message}${advice[code] === undefined ? '' : `: ${advice[code]}`}` }],
      { cause },
    );
  }
}
