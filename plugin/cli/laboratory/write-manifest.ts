/** Writes a model that differs from another in `blockrank.json` alone. */
import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { changeManifest, type DepthManifest } from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';

/** What `blockrank.json` says of the model, or of one of its depths: a depth without a readout has the model's. */
export type ManifestPart = Pick<DepthManifest, 'readout' | 'relevance'>;

/** Where a changed model is written. */
export interface ManifestOutput {
  /** The model that it starts from, absolute. */
  readonly modelFolder: string;
  /** The folder that is written, which may be the same. */
  readonly output: string;
  /** The depth whose part is changed, where the manifest has one of its own. @defaultValue the model's own part */
  readonly depth?: number | undefined;
}

/** Copies the model, unless it is the folder itself, and writes its manifest with the part changed. */
export async function writeManifest(
  context: CliContext,
  { modelFolder, output, depth }: ManifestOutput,
  changesOf: (part: ManifestPart) => object,
): Promise<void> {
  const folder = resolve(output);
  if (folder !== modelFolder) await cp(modelFolder, folder, { recursive: true });
  await changeManifest(folder, (manifest) => {
    const own = depth === undefined ? undefined : manifest.depths?.[depth];
    if (depth === undefined || !own) return { ...manifest, ...changesOf(manifest) };
    const changed = { ...own, ...changesOf({ readout: manifest.readout, ...own }) };
    return { ...manifest, depths: { ...manifest.depths, [depth]: changed } };
  });
  context.note(`Wrote ${join(output, 'blockrank.json')}; use the folder as the model.`);
}
