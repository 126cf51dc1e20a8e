/** Writes a model folder that serves a trained readout. */
import { cp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { changeManifest } from '../../../model/change-manifest.ts';
import { toHeadsFile } from '../../../model/readout-heads.ts';
import { type ScalarName, scalarNames } from '../../../network/readout/readout-graph.ts';
import type { ReadoutParameters } from '../../../readout/parameters.ts';
import type { TrainedTensors } from '../../trainer/trainee.ts';

/** File of the trained parts in a model folder. */
const headsFile = 'heads.safetensors';

/** A readout with the factors that were trained. */
export function trainedReadout(readout: ReadoutParameters, tensors: TrainedTensors): ReadoutParameters {
  const changed = scalarNames.flatMap((name: ScalarName): [ScalarName, number][] => {
    const factor = tensors.get(`scalar.${name}`);
    return factor ? [[name, readout[name] * Math.exp(factor.data[0]!)]] : [];
  });
  return { ...readout, ...Object.fromEntries(changed) };
}

/** What {@link saveModel} writes. */
export interface SavedModel {
  /** The model that was trained. */
  readonly modelFolder: string;
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Trained parts by the names of `headShapes`; none leaves the file out. */
  readonly heads: TrainedTensors;
  /** Share of a lexical first stage. */
  readonly fusionWeight: number;
  /** @defaultValue the model's */
  readonly name?: string;
}

/** Copies the model's folder, which may be the same one, and writes what was trained. */
export async function saveModel(folder: string, model: SavedModel): Promise<void> {
  const { modelFolder, readout, heads, fusionWeight, name } = model;
  if (resolve(folder) !== resolve(modelFolder)) await cp(modelFolder, folder, { recursive: true });
  if (heads.size > 0) await writeFile(join(folder, headsFile), toHeadsFile(heads));
  await changeManifest(folder, (manifest) => ({
    ...manifest,
    ...(name !== undefined && { name }),
    readout,
    fusionWeight,
    // Fitted to the readout before.
    relevance: undefined,
    precedents: undefined,
    ...(heads.size > 0 && { heads: headsFile }),
  }));
}
