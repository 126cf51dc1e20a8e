/**
 * Makes the weights of models/default from a folder with bge-small-en-v1.5 in half precision:
 * `npx tsx scripts/make-default-model.ts FOLDER [COLUMNS]`; COLUMNS of a row share a scale, all of them when left out.
 * blockrank.json and the model card are written by hand.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quantiseWeights } from '../engine/model/quantise-folder.ts';

const [source, columns] = process.argv.slice(2);
if (!source) {
  process.stderr.write(
    'make-default-model: expected the folder with config.json, tokenizer.json and model.safetensors.\n',
  );
  process.exit(2);
}
const target = fileURLToPath(new URL('../models/default', import.meta.url));
await quantiseWeights(join(source, 'model.safetensors'), join(target, 'model.safetensors'), {
  ...(columns === undefined ? {} : { groupColumns: Number(columns) }),
});
for (const file of ['config.json', 'tokenizer.json']) await copyFile(join(source, file), join(target, file));
