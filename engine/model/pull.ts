/**
 * Downloads a checkpoint from a model hub: only the files that are read; resumes where it stopped, and checks each file
 * by its digest.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { ListFileEntry } from '@huggingface/hub';
import { cacheAdvice, defaultCacheFolder } from '../cache-folder.ts';
import { ConfigurationError, ModelFormatError } from '../errors.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';

/** Options of {@link pullModel}. */
export interface PullOptions {
  /** Branch, tag or commit. @defaultValue `'main'` */
  readonly revision?: string;
  /** Folder for models. @defaultValue the cache folder */
  readonly cacheFolder?: string;
  /** The hub. @defaultValue `https://huggingface.co` */
  readonly hubUrl?: string;
  /** Access token, for models that need one. */
  readonly accessToken?: string;
  /** Whether to use only an earlier download, and ask no hub. @defaultValue false */
  readonly offline?: boolean;
  /** Called for each file as its bytes arrive. */
  readonly onProgress?: (file: string, done: number, total: number) => void;
  /** Ends the download; bytes that have arrived are kept for the next download. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<PullOptions> = {
  revision: true,
  cacheFolder: true,
  hubUrl: true,
  accessToken: true,
  offline: true,
  onProgress: true,
  signal: true,
};

/** The files of a model; nothing else is downloaded. */
const wanted =
  /^(config|generation_config|tokenizer|tokenizer_config|blockrank|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^[^/]+\.safetensors$/;

/** Manifests of known checkpoints that carry none themselves. */
const knownManifests: Readonly<Record<string, object>> = {
  'quicktensor/blockrank-msmarco-mistral-7b': {
    formatVersion: 1,
    name: 'blockrank-msmarco-mistral-7b',
    family: 'decoder',
    profile: 'in-context',
    languages: ['en'],
    caps: { maxDocumentTokens: 384, maxQueryTokens: 128 },
    truncation: 'text',
    scoring: { method: 'signal-tokens', layer: 20, signalTokens: 2, queryPosition: 16_384 },
    fusionWeight: 0,
  },
};

/**
 * Downloads a model and gives its folder.
 *
 * @param repository - `owner/name`.
 * @throws ModelFormatError when the hub has no such model, a file arrives damaged, or it was never downloaded and
 * `offline` is set.
 * @throws ConfigurationError when the cache folder cannot be written, or an option is unknown.
 */
export async function pullModel(repository: string, options: PullOptions = {}): Promise<string> {
  checkOptionNames('Cannot download the model', options, optionNames);
  const { revision = 'main', cacheFolder = defaultCacheFolder(), offline = false } = options;
  const home = join(cacheFolder, 'models', repository.replaceAll('/', '--'));
  const reference = join(home, 'refs', revision.replaceAll('/', '--'));
  if (offline) return known(repository, revision, { home, reference });
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const hub = { ...hubOptions(options), repo: repository, revision };
  const commit = await asked(repository, async () => {
    const info = await modelInfo({
      name: repository,
      revision,
      additionalFields: ['sha'],
      ...hubOptions(options),
    });
    return info.sha;
  });
  const folder = join(home, commit);
  const files = await asked(repository, async () => {
    const all: ListFileEntry[] = [];
    for await (const file of listFiles({ ...hub, revision: commit, recursive: true })) {
      if (file.type === 'file' && wanted.test(file.path)) all.push(file);
    }
    return all;
  });
  await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const message = `"${folder}" cannot be made (${cause.code}); ${cacheAdvice}`;
    throw new ConfigurationError('Cannot download the model', [{ path: 'cacheFolder', message }], { cause });
  });
  for (const file of files) await pullFile(file, { folder, hub: { ...hub, revision: commit } }, options);
  const manifest = knownManifests[repository];
  const manifestPath = join(folder, 'blockrank.json');
  if (manifest && !existsSync(manifestPath))
    await writeFile(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  await mkdir(dirname(reference), { recursive: true });
  await writeFile(reference, commit);
  return folder;
}

function hubOptions({ hubUrl, accessToken }: PullOptions): { hubUrl?: string; accessToken?: string } {
  return { ...(hubUrl ? { hubUrl } : {}), ...(accessToken ? { accessToken } : {}) };
}

async function known(
  repository: string,
  revision: string,
  { home, reference }: { readonly home: string; readonly reference: string },
): Promise<string> {
  const commit = await readFile(reference, 'utf8').catch(() => revision);
  const folder = join(home, commit);
  if (existsSync(folder)) return folder;
  throw new ModelFormatError({
    path: repository,
    expected: `revision "${revision}" among downloaded models, as nothing is downloaded offline`,
    found: 'none',
  });
}

/** The hub's answer; turns its refusals into our errors. */
async function asked<T>(repository: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const status = (cause as { statusCode?: number }).statusCode;
    const found =
      status === 401 || status === 403
        ? `HTTP ${status}: it needs an access token (HF_TOKEN)`
        : status === 404
          ? 'HTTP 404: no such model or revision'
          : String(cause);
    throw new ModelFormatError({ path: repository, expected: 'a model on the hub', found }, { cause });
  }
}

async function pullFile(
  file: ListFileEntry,
  {
    folder,
    hub,
  }: { readonly folder: string; readonly hub: { repo: string; revision: string; hubUrl?: string } },
  { onProgress, signal }: PullOptions,
): Promise<void> {
  const path = join(folder, file.path);
  if (existsSync(path)) return; // a file takes this name only once its digest is right
  const part = `${path}.part`;
  const before = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  const from = before <= file.size ? before : 0;
  const { downloadFile } = await import('@huggingface/hub');
  const blob = await asked(hub.repo, () => downloadFile({ ...hub, path: file.path, xet: false }));
  if (!blob) throw new ModelFormatError({ path: file.path, expected: 'the file on the hub', found: 'none' });
  let done = from;
  const rest = Readable.fromWeb(blob.slice(from).stream() as ReadableStream<Uint8Array>);
  rest.on('data', (chunk: Uint8Array) => {
    done += chunk.length;
    onProgress?.(file.path, done, file.size);
  });
  const target = createWriteStream(part, { flags: from > 0 ? 'a' : 'w' });
  await pipeline(rest, target, ...(signal ? [{ signal }] : []));
  const digest = await digestOf(part, file);
  const expected = file.lfs?.oid ?? file.oid;
  if (expected && digest !== expected) {
    await rm(part, { force: true });
    throw new ModelFormatError({
      path: file.path,
      expected: `digest ${expected}`,
      found: `${digest}; pull again`,
    });
  }
  await rename(part, path);
}

/** The digest of a file as the hub gives it: SHA-256 for large files, git's own for small ones. */
async function digestOf(path: string, { lfs }: ListFileEntry): Promise<string> {
  const { size } = await stat(path);
  const hash = createHash(lfs ? 'sha256' : 'sha1');
  if (!lfs) hash.update(`blob ${size}\0`);
  await pipeline(createReadStream(path), hash, { end: false });
  return hash.digest('hex');
}
