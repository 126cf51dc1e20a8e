/** Reads the `config.json` of an encoder. */
import { join } from 'node:path';
import { type EncoderConfig, parseEncoderConfig } from '../network/encoder-config.ts';
import { readJson } from './read-json.ts';

/**
 * Reads the shape of an encoder.
 *
 * @param folder - Model folder.
 * @throws ModelFormatError when `config.json` is missing, or names a value that this network cannot be.
 */
export async function readEncoderConfig(folder: string): Promise<EncoderConfig> {
  const path = join(folder, 'config.json');
  return parseEncoderConfig(await readJson(path), path);
}
