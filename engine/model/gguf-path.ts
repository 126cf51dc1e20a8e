/** Finds the GGUF file of a model. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The path of a model's GGUF file: the given path, or the one such file of a folder without a `config.json`.
 *
 * @returns undefined when the model is no GGUF file.
 */
export function ggufPath(model: string): string | undefined {
  const path = resolve(model);
  if (path.endsWith('.gguf')) return path;
  if (!existsSync(path) || existsSync(join(path, 'config.json'))) return undefined;
  const [file] = readdirSync(path).filter((name) => name.endsWith('.gguf'));
  return file && join(path, file);
}
