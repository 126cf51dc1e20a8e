/** The residual that a model folder is read with. */
import { changeManifest } from '../../../model/change-manifest.ts';

/** Writes its name into the folder's `blockrank.json`. @param name - None: the folder is read without. */
export async function nameResidual(folder: string, name: string | undefined): Promise<void> {
  // Probabilities were fitted to the states of another residual.
  await changeManifest(folder, (manifest) => ({
    ...manifest,
    residual: name,
    relevance: undefined,
    precedents: undefined,
  }));
}
