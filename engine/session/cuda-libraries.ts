/** Which of CUDA's libraries ONNX Runtime would find here: what its own error says is a file name at best. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What was found. */
export interface CudaLibraries {
  /** ONNX Runtime's own library for CUDA; undefined where the package was installed without it. */
  readonly provider: string | undefined;
  /** Major version of CUDA that the library was built for; undefined without the library. */
  readonly wanted: number | undefined;
  /** Where each library that it needs was found, by file name; undefined where it was not. */
  readonly needed: Readonly<Record<string, string | undefined>>;
  /** Where the driver's library was found; undefined without a driver. */
  readonly driver: string | undefined;
  /** Major versions of CUDA whose libraries are here. */
  readonly versions: readonly number[];
  /** Why CUDA cannot open, and what to do: one entry a thing that is missing. Empty when all files are here. */
  readonly missing: readonly string[];
}

const providerFiles = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
const driverFile = 'libcuda.so.1';
/** The file of cuBLAS tells a version of CUDA: it ends in its number. */
const versionFile = /^libcublas\.so\.(\d+)$/;
/** Where distributions, container images and NVIDIA's packages put libraries. */
const usualFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib/wsl/lib',
  '/usr/local/nvidia/lib64',
  '/usr/local/nvidia/lib',
  '/usr/local/cuda/lib64',
  '/usr/local/cuda/targets/x86_64-linux/lib',
];

/**
 * Looks for the files, and opens none.
 *
 * @param environment - Environment variables, of which `LD_LIBRARY_PATH` is read.
 * @param folder - Where ONNX Runtime's libraries lie. @defaultValue those of the package onnxruntime-node
 */
export function cudaLibraries(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = runtimeFolder(),
): CudaLibraries {
  const paths = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== '');
  const folders = [folder, ...paths, ...usualFolders];
  const find = (name: string): string | undefined =>
    folders.map((path) => join(path, name)).find((path) => existsSync(path));
  const provider = join(folder, providerFiles[1]!);
  const isInstalled = lackOfProvider(folder) === undefined;
  const names = isInstalled ? neededBy(provider) : [];
  const needed = Object.fromEntries(names.map((name) => [name, find(name)]));
  const wanted = isInstalled ? versionOf(names) : undefined;
  const versions = [...new Set(folders.flatMap(versionsIn))].sort((a, b) => a - b);
  const found = {
    provider: isInstalled ? provider : undefined,
    wanted,
    needed,
    driver: find(driverFile),
    versions,
  };
  return { ...found, missing: missingOf(found) };
}

const withoutProvider = `${providerFiles[1]}: install onnxruntime-node on Linux x64 without ONNXRUNTIME_NODE_INSTALL=skip, and CUDA 12 and cuDNN 9 on LD_LIBRARY_PATH; or for CUDA 13 run "blockrank cuda", which takes the provider from the Python wheel onnxruntime-gpu of the same version; or use the device "webgpu", which needs the driver alone`;

/**
 * What to do where ONNX Runtime came without its library for CUDA; undefined where it is there.
 *
 * @param folder - Where its libraries lie. @defaultValue those of the package onnxruntime-node
 */
export function lackOfProvider(folder: string = runtimeFolder()): string | undefined {
  return providerFiles.every((name) => existsSync(join(folder, name))) ? undefined : withoutProvider;
}

function missingOf({ provider, wanted, needed, driver, versions }: Omit<CudaLibraries, 'missing'>): string[] {
  const missing: string[] = [];
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    missing.push('Linux on x64: ONNX Runtime brings CUDA to Node there alone; use the device "webgpu"');
  }
  if (driver === undefined) {
    missing.push(
      `${driverFile}: install NVIDIA's driver, and in a container run it with the card's (--gpus all)`,
    );
  }
  if (provider === undefined) missing.push(withoutProvider);
  const absent = Object.entries(needed).filter(([, path]) => path === undefined);
  if (absent.length > 0) {
    const others = versions.filter((version) => version !== wanted);
    const hint =
      others.length > 0 ? ` (CUDA ${others.join(' and ')} is here, which the file cannot use)` : '';
    const files = absent.map(([name]) => name).join(', ');
    missing.push(
      `${files}: install CUDA ${wanted ?? ''} and cuDNN 9, and name their folder in LD_LIBRARY_PATH${hint}`,
    );
  }
  return missing;
}

function runtimeFolder(): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(main), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** Names of NVIDIA's libraries stand in the provider's file as text. */
function neededBy(provider: string): string[] {
  const text = readFileSync(provider).subarray(0, searchedBytes).toString('latin1');
  return [...new Set(text.match(/lib(?:cublas|cublasLt|cudart|cudnn|cufft|curand)\.so\.\d+/g) ?? [])].sort();
}

/** The table of names stands at the front of a library; its code, of hundreds of megabytes, is not read through. */
const searchedBytes = 64 * 1024 * 1024;

function versionOf(names: readonly string[]): number | undefined {
  const match = names.map((name) => versionFile.exec(name)).find((each) => each !== null);
  return match ? Number(match[1]) : undefined;
}

function versionsIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const match = versionFile.exec(name);
    return match ? [Number(match[1])] : [];
  });
}
