/** The folder of a cross-encoder: an ONNX file that is run as it is, and its tokenizer. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { digestFiles } from './digest-files.ts';

/** A cross-encoder's folder. */
export interface CrossEncoderFolder {
  /** Absolute path. */
  readonly path: string;
  /** The folder's name. */
  readonly name: string;
  /** The network. */
  readonly modelPath: string;
  /** Its tokenizer. */
  readonly tokenizerPath: string;
  /** SHA-256 over both files, hexadecimal. */
  readonly digest: string;
}

/** Whether a folder holds a cross-encoder: `model.onnx`, and neither safetensors nor a description of ours. */
export function isCrossEncoderFolder(model: string): boolean {
  const has = (file: string): boolean => existsSync(join(model, file));
  return has('model.onnx') && !has('blockrank.json') && !has('model.safetensors');
}

/** Opens the folder. @throws ModelFormatError when a file cannot be read. */
export async function openCrossEncoderFolder(folder: string): Promise<CrossEncoderFolder> {
  const path = resolve(folder);
  const [modelPath, tokenizerPath] = [join(path, 'model.onnx'), join(path, 'tokenizer.json')];
  const digest = await digestFiles([tokenizerPath, modelPath]);
  return { path, name: basename(path), modelPath, tokenizerPath, digest };
}
