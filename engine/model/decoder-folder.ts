/** A decoder's folder on disk: a Hugging Face checkpoint, or one GGUF file. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DecoderConfig, parseDecoderConfig } from '../network/decoder-config.ts';
import { type ChatTemplate, parseChatTemplate } from '../tokenizer/chat-template.ts';
import { type PromptTokenizer, parsePromptTokenizer } from '../tokenizer/prompt-tokenizer.ts';
import { readWeightTable, type WeightTable } from '../weights/weight-table.ts';
import { type DecoderManifest, readDecoderManifest } from './decoder-manifest.ts';
import { readJson } from './manifest.ts';

/** A checked decoder folder. */
export interface DecoderFolder {
  /** Absolute path. */
  readonly path: string;
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** How it ranks. */
  readonly manifest: DecoderManifest;
  /** Where its weights lie, and in which folder. */
  readonly weights: { readonly folder: string; readonly table: WeightTable };
  /** Names its content: configuration, tokenizer, and of each weights file its size, its first and its last bytes. */
  readonly digest: string;
}

/** What a decoder's prompts are made with. */
export interface PromptTools {
  /** Text to ids. */
  readonly tokenizer: PromptTokenizer;
  /** Chats as the checkpoint knows them. */
  readonly chat: ChatTemplate;
}

/** Opens a decoder's folder. @throws ModelFormatError when a file is missing or not valid. */
export async function openDecoderFolder(folder: string): Promise<DecoderFolder> {
  const path = resolve(folder);
  const config = parseDecoderConfig(await readJson(join(path, 'config.json')), join(path, 'config.json'));
  const manifest = await readDecoderManifest(path, config);
  const table = await readWeightTable(path);
  return { path, config, manifest, weights: { folder: path, table }, digest: await digestOf(path, table) };
}

/** Reads the tokenizer and the chat template of a decoder's folder. @throws ModelFormatError */
export async function readPromptTools(path: string): Promise<PromptTools> {
  const at = (file: string): string => join(path, file);
  const template = at('chat_template.jinja');
  return {
    tokenizer: parsePromptTokenizer(await readJson(at('tokenizer.json')), at('tokenizer.json')),
    chat: parseChatTemplate(
      await readJson(at('tokenizer_config.json')),
      at('tokenizer_config.json'),
      existsSync(template) ? await readFile(template, 'utf8') : undefined,
    ),
  };
}

/** Bytes at each end of a weights file that its digest reads: checkpoints are too large to read whole at every start. */
const sampledBytes = 1 << 20;

async function digestOf(path: string, table: WeightTable): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    hash.update(await readFile(join(path, file)).catch(() => file)); // whoever needs it says that it is missing
  }
  for (const file of [...new Set([...table.values()].map((entry) => entry.file))].sort()) {
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
