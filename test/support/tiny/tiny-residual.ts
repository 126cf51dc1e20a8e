/** A residual over a tiny model, with numbers that change what is computed. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { modelAtDepth } from '../../../engine/model/depth.ts';
import { openModelFolder } from '../../../engine/model/folder.ts';
import { readEncoderConfig } from '../../../engine/model/read-encoder-config.ts';
import { residualPath, toResidualFile } from '../../../engine/model/residual-file.ts';
import { type ResidualForm, residualStart } from '../../../engine/network/residuals.ts';
import { randomNumbers } from './tiny-states.ts';

/** How the residual is made. */
export interface TinyResidualOptions {
  /** Kind and sizes. @defaultValue rw+lr of rank 4 */
  readonly form?: ResidualForm;
  /** 0: the numbers that change nothing; any other: random ones. @defaultValue 1 */
  readonly seed?: number;
  /** Layers of the model that it stands over. @defaultValue all */
  readonly depth?: number;
  /** Its name among the model's residuals, or a path. @defaultValue tenant */
  readonly name?: string;
}

/** Writes the residual for a model folder, and gives its path. */
export async function tinyResidual(model: string, options: TinyResidualOptions = {}): Promise<string> {
  const { form = { kind: 'rw+lr', rank: 4, window: 3 }, seed = 1, name = 'tenant', depth } = options;
  const whole = await readEncoderConfig(model);
  const { folder, config } = await modelAtDepth(await openModelFolder(model), whole, depth);
  const { manifest, digest } = folder;
  const tensors = residualStart(form, config);
  const next = randomNumbers(seed);
  if (seed !== 0) {
    for (const { data } of tensors.values()) for (const i of data.keys()) data[i]! += 0.3 * next();
  }
  const path = residualPath(model, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, toResidualFile(tensors, form, { digest, name: manifest.name }));
  return path;
}
