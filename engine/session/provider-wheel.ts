/** ONNX Runtime's provider for CUDA 13 in the Python wheel `onnxruntime-gpu`: read, and checked before it is used. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ConfigurationError } from '../errors.ts';

/** Name of the wheel on PyPI. */
export const wheelName = 'onnxruntime-gpu';

/** The files of a provider, beside ONNX Runtime's own library. */
export const providerFiles = [
  'libonnxruntime_providers_shared.so',
  'libonnxruntime_providers_cuda.so',
] as const;

/** What a checked wheel holds. */
export interface ProviderWheel {
  /** Version of ONNX Runtime. */
  readonly version: string;
  /** Version of CUDA that the provider was built for, for instance `13.0`. */
  readonly cudaVersion: string;
  /** Each file, by its name, with its SHA-256 in hexadecimal. */
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly sha256: string }>;
  /** Whether this release knows the digests of the published files, so that nothing else could pass for them. */
  readonly isKnown: boolean;
}

/**
 * SHA-256 of the files that PyPI has, by version; one provider a version of Python, for each is built anew. A version
 * that is not here is checked by the wheel's own list of digests, which finds damage, and no forgery.
 */
const published: Readonly<Record<string, ReadonlySet<string>>> = {
  '1.30.0': new Set([
    '086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d', // the shared one, of all
    '9d7587acb137b31bf84e4d32dc444b969bb601d098b01395effcacfe4341e364', // Python 3.11
    '35da2e7ed0dd0d1aec5cdb16ce11a51d06c0c48cf62d1b1c9332946a4fae14fc', // Python 3.12
    'afd77f8d1e05544456476e244601ff08d444ff90921d6d73b2066c124f109bd2', // Python 3.13
    '0eb25d39348154516b638e792c9b30a5a91bbf7b72c2e09d3f68ada716ee6ce8', // Python 3.14
  ]),
};

const folder = 'onnxruntime/capi/';
const cudaMajor = '13';

/**
 * Reads a wheel and checks name, version, platform, CUDA and digests.
 *
 * @param version - What the runtime of the Node package is: both speak through tables of C++, and must be of one version.
 * @throws ConfigurationError when it is not the wheel that is needed, or is damaged.
 */
export async function readProviderWheel(path: string, version: string): Promise<ProviderWheel> {
  const entries = await unpacked(path);
  const [name, found] = [field(entries, 'METADATA', 'Name'), field(entries, 'METADATA', 'Version')];
  if (name !== wheelName) throw refused(path, `expected the wheel ${wheelName}, found ${name ?? 'no name'}`);
  if (found !== version) {
    throw refused(path, `expected version ${version}, which onnxruntime-node has, found ${found}`);
  }
  const tags = field(entries, 'WHEEL', 'Tag') ?? 'no tag';
  if (!/linux.*_x86_64$/.test(tags))
    throw refused(path, `expected a wheel for Linux on x86_64, found ${tags}`);
  const about = textOf(entries, `${folder}build_and_package_info.py`) ?? '';
  const cudaVersion = /^cuda_version *= *['"]([\d.]+)['"]/m.exec(about)?.[1] ?? 'none';
  if (cudaVersion.split('.')[0] !== cudaMajor) {
    throw refused(path, `expected a provider for CUDA ${cudaMajor}, found one for CUDA ${cudaVersion}`);
  }
  const files = new Map(providerFiles.map((file) => [file, checkedFile(entries, file, path)] as const));
  const known = published[version];
  for (const [file, { sha256 }] of files) {
    if (known && !known.has(sha256)) {
      throw refused(path, `${file} has the SHA-256 ${sha256}, which no wheel ${version} of PyPI has`);
    }
  }
  return { version, cudaVersion, files, isKnown: known !== undefined };
}

const refused = (path: string, message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError(`Cannot use the wheel "${path}"`, [{ path: '', message }], { cause });

type Entries = Readonly<Record<string, Uint8Array>>;

/** The files that are asked of a wheel; nothing else is expanded. */
async function unpacked(path: string): Promise<Entries> {
  const { unzipSync } = await import('fflate');
  const asked = new Set<string>(providerFiles.map((file) => `${folder}${file}`));
  asked.add(`${folder}build_and_package_info.py`);
  const isAsked = (name: string): boolean =>
    asked.has(name) || /^[^/]+\.dist-info\/(METADATA|WHEEL|RECORD)$/.test(name);
  try {
    return unzipSync(await readFile(path), { filter: ({ name }) => isAsked(name) });
  } catch (cause) {
    throw refused(path, `it cannot be read: ${(cause as Error).message}`, cause);
  }
}

function textOf(entries: Entries, name: string): string | undefined {
  const bytes = entries[name];
  return bytes && Buffer.from(bytes).toString('utf8');
}

/** A line of one of the wheel's own texts. */
function field(entries: Entries, file: string, name: string): string | undefined {
  const path = Object.keys(entries).find((each) => basename(each) === file);
  const text = path === undefined ? '' : (textOf(entries, path) ?? '');
  return new RegExp(`^${name}: *(.+?)\\s*$`, 'm').exec(text)?.[1];
}

/** A file whose digest is the one that the wheel's list says. */
function checkedFile(
  entries: Entries,
  file: string,
  path: string,
): { readonly bytes: Uint8Array; readonly sha256: string } {
  const name = `${folder}${file}`;
  const bytes = entries[name];
  if (!bytes) throw refused(path, `it has no ${name}`);
  const record = Object.keys(entries).find((each) => basename(each) === 'RECORD');
  const lines = (record === undefined ? '' : textOf(entries, record)!).split('\n');
  const listed = lines.find((line) => line.startsWith(`${name},sha256=`));
  if (!listed) throw refused(path, `its list of files has no digest of ${name}`);
  const expected = Buffer.from(listed.split(',')[1]!.slice('sha256='.length), 'base64url').toString('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== expected) {
    throw refused(
      path,
      `${name} is damaged: SHA-256 ${sha256}, its list says ${expected}; get the wheel again`,
    );
  }
  return { bytes, sha256 };
}
