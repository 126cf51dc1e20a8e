/**
 * Takes layers of an encoder as a smaller depth to train: `npx tsx scripts/make-depth.ts MODEL DEPTH LAYERS`, for instance
 * `my-model 12 0,2,4,6,8,11` for six of its twelve layers, or `my-model 6 0,1,3,4,5` for five of the layers of its depth 6. Writes
 * `depth-N.safetensors` into the model's folder and names it in blockrank.json; a recipe with `train: { depth: N }` trains it.
 */
import { join } from 'node:path';
import { modelAtDepth } from '../engine/model/depth.ts';
import { layerPrefix } from '../engine/model/depth-layers.ts';
import { openModelFolder } from '../engine/model/folder.ts';
import { readEncoderConfig } from '../engine/model/read-encoder-config.ts';
import { writeDepth } from '../engine/training/narrowing/save-depth.ts';
import { type NamedTensor, readTensorTable } from '../engine/weights/safetensors.ts';
import { storedTensor } from '../engine/weights/tensor-files.ts';

const [path, depth, layers] = process.argv.slice(2);
if (!layers) {
  process.stderr.write('make-depth: expected MODEL DEPTH LAYERS\n');
  process.exit(2);
}
const whole = await openModelFolder(path!);
const config = await readEncoderConfig(whole.path);
const { layersFile = 'model.safetensors' } = await modelAtDepth(whole, config, Number(depth));
const source = join(whole.path, layersFile);
const table = await readTensorTable(source);
const chosen = layers.split(',');
const tensors: NamedTensor[] = [];
for (const [to, from] of chosen.entries()) {
  const prefix = `${layerPrefix}${from}.`;
  const own = [...table].filter(([name]) => name.startsWith(prefix));
  if (own.length === 0) throw new RangeError(`make-depth: "${source}" has no layer ${from}.`);
  for (const [name, entry] of own) {
    const tensor = await storedTensor(source, name, entry);
    tensors.push({ ...tensor, name: `${layerPrefix}${to}.${name.slice(prefix.length)}` });
  }
}
process.stdout.write(`${await writeDepth(whole.path, chosen.length, tensors)}\n`);
