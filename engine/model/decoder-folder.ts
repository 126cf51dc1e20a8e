/** A decoder's folder on disk: a Hugging Face checkpoint, or one GGUF file. */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { defaultCacheFolder } from '../cache-folder.ts';
import { type DecoderConfig, parseDecoderConfig } from '../network/decoder-config.ts';
import { ggufWeights, readGguf } from '../weights/gguf.ts';
import { readWeightTable, type WeightTable } from '../weights/weight-table.ts';
import { type DecoderManifest, readDecoderManifest } from './decoder-manifest.ts';
import { ggufConfig } from './gguf-config.ts';
import { ggufPath } from './gguf-path.ts';
import { readJson } from './read-json.ts';

/** A checked decoder folder. */
export interface DecoderFolder {
  /** Absolute path. */
  readonly path: string;
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** The manifest, which says how the decoder ranks. */
  readonly manifest: DecoderManifest;
  /** The table of weights, and the folder of their files. */
  readonly weights: { readonly folder: string; readonly table: WeightTable };
  /**
   * Digest of the folder's content: configuration, tokenizer, and of each weights file its size, its first and its last
   * bytes.
   */
  readonly digest: string;
}

/**
 * Opens a decoder.
 *
 * @param model - Folder of a checkpoint or of a GGUF file, or that file.
 * @param cacheFolder - Where copies of weights in another form are kept.
 * @throws ModelFormatError when a file is missing or not valid.
 */
export async function openDecoderFolder(
  model: string,
  cacheFolder: string = defaultCacheFolder(),
): Promise<DecoderFolder> {
  const file = ggufPath(model);
  if (file) return openGgufFile(file, cacheFolder);
  const path = resolve(model);
  const config = await readDecoderConfig(path);
  const manifest = await readDecoderManifest(path, config);
  const table = await readWeightTable(path);
  const files = [...new Set([...table.values()].map((entry) => entry.file))].sort();
  const described = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
  const digest = await digestOf(path, described, files);
  return { path, config, manifest, weights: { folder: path, table }, digest };
}

async function openGgufFile(path: string, cacheFolder: string): Promise<DecoderFolder> {
  const file = await readGguf(path);
  const config = await ggufConfig(file);
  const manifest = await readDecoderManifest(dirname(path), config, basename(path, '.gguf'));
  const digest = await digestOf(dirname(path), [], [basename(path)]);
  return { path, config, manifest, weights: await ggufWeights(file, { digest, cacheFolder }), digest };
}

/** A decoder's manifest and its file. */
export interface DecoderManifestFile {
  /** The file of the manifest, which need not exist. */
  readonly file: string;
  /** The manifest. */
  readonly manifest: DecoderManifest;
}

/** The manifest of a decoder, and its file. @throws ModelFormatError when the model is no decoder. */
export async function decoderManifest(model: string): Promise<DecoderManifestFile> {
  const gguf = ggufPath(model);
  const folder = gguf ? dirname(gguf) : resolve(model);
  const config = gguf ? await ggufConfig(await readGguf(gguf)) : await readDecoderConfig(folder);
  const name = gguf ? basename(gguf, '.gguf') : basename(folder);
  return { file: join(folder, 'blockrank.json'), manifest: await readDecoderManifest(folder, config, name) };
}

/** Bytes at each end of a weights file that its digest reads: checkpoints are too large to read whole at every start. */
const sampledBytes = 1 << 20;

async function digestOf(path: string, whole: readonly string[], sampled: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of whole) {
    hash.update(await readFile(join(path, file)).catch(() => file)); // the code that needs the file reports a missing one
  }
  for (const file of sampled) {
    await sample(join(path, file), (bytes) => hash.update(bytes));
  }
  return hash.digest('hex');
}

async function sample(path: string, update: (bytes: Uint8Array | string) => void): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    update(String(size));
    for (const from of [0, Math.max(0, size - sampledBytes)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(sampledBytes), 0, sampledBytes, from);
      update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function readDecoderConfig(folder: string): Promise<DecoderConfig> {
  const path = join(folder, 'config.json');
  return parseDecoderConfig(await readJson(path), path);
}
