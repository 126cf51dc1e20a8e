/** How many products a token takes: counted, not measured. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelFamily } from '../model/family.ts';
import { defaultModelFolder } from '../model/folder.ts';
import { parseEncoderConfig } from '../network/encoder-config.ts';
import { matrixMultiplyAdds } from '../network/multiply-adds.ts';

/**
 * Multiply-adds of one token in the matrices of one layer of a model. Attention is left out, a twentieth at 128 tokens. 0 for a decoder, whose requests say nothing of their depth.
 *
 * @param folder - Model folder. @defaultValue the model that comes with the package
 */
export async function layerProducts(folder: string = defaultModelFolder()): Promise<number> {
  if ((await modelFamily(folder)) !== 'encoder') return 0;
  const path = join(folder, 'config.json');
  return matrixMultiplyAdds(parseEncoderConfig(JSON.parse(await readFile(path, 'utf8')), path));
}
