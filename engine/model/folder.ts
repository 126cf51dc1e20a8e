/** A model folder on disk: checks its files, and names its content by a digest. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestFiles } from './digest-files.ts';
import { type ModelManifest, readManifest } from './manifest.ts';

/** A checked model folder. */
export interface ModelFolder {
  /** Absolute path. */
  readonly path: string;
  /** The manifest in `blockrank.json`. */
  readonly manifest: ModelManifest;
  /** SHA-256 over weights, configuration, tokenizer and gates where there are any, hexadecimal. */
  readonly digest: string;
}

/** Files that a block state depends on, in the order that the digest reads them. */
const encodingFiles = ['config.json', 'tokenizer.json', 'model.safetensors'] as const;

/** Opens a model folder. @throws ModelFormatError when a file is missing or the manifest is not valid. */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const path = resolve(folder);
  const manifest = await readManifest(path);
  const { gates } = manifest;
  const files = gates === undefined ? encodingFiles : [...encodingFiles, gates];
  return { path, manifest, digest: await digestFiles(files.map((file) => join(path, file))) };
}

/** The model that comes with the package. */
export function defaultModelFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'models', 'default');
}
