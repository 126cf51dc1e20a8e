/** A tiny model of the in-context profile. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toGatesFile } from '../../../engine/model/gates-file.ts';
import { tinyModel } from './tiny-model.ts';

/** Heads of the bert-tiny fixture, which has three layers. */
const heads = 4;

/** Gates of a head after another, all different and of both signs. */
export const tinyGates = (scale: number, layers: readonly number[] = [1, 2]): Map<number, Float32Array> =>
  new Map(
    layers.map((layer) => [
      layer,
      Float32Array.from({ length: heads }, (_, h) => scale * (1 + layer - 0.9 * h)),
    ]),
  );

/** Writes the folder to a temporary path and gives the path. `manifest` replaces properties of blockrank.json. */
export async function tinyInContextModel(
  gates: ReadonlyMap<number, Float32Array>,
  manifest: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const folder = await tinyModel({ profile: 'in-context', gates: 'gates.safetensors', ...manifest });
  await writeFile(join(folder, 'gates.safetensors'), toGatesFile(gates));
  return folder;
}
