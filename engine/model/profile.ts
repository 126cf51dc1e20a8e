/** Tells how the model of a folder reads documents. */
import type { Profile } from '../contract.ts';
import { ModelFormatError } from '../errors.ts';
import { modelFamily } from './family.ts';
import { defaultModelFolder } from './folder.ts';
import { readManifest } from './manifest.ts';

/**
 * The profile of a model. A folder without a manifest that can be read counts as `cacheable`; opening that says what is wrong.
 *
 * @param model - The folder. @defaultValue the model that comes with the package
 */
export async function modelProfile(model: string = defaultModelFolder()): Promise<Profile> {
  if ((await modelFamily(model)) !== 'encoder') return 'in-context';
  return readManifest(model).then(
    ({ profile }) => profile,
    (error: unknown) => {
      if (error instanceof ModelFormatError) return 'cacheable';
      throw error;
    },
  );
}
