/** A tiny complete model folder: the weights of the bert-tiny fixture with a manifest. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tinyReadout } from './tiny-states.ts';

/** Writes the folder to a temporary path and gives the path. `manifest` replaces properties of blockrank.json. */
export async function tinyModel(manifest: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-tiny-'));
  await cp(fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url)), folder, { recursive: true });
  const whole = {
    formatVersion: 1,
    name: 'tiny',
    family: 'encoder',
    profile: 'cacheable',
    languages: ['en'],
    instruction: 'find: ',
    caps: { maxDocumentTokens: 32, maxDocumentBlocks: 3, blockOverlapTokens: 4, maxQueryTokens: 16 },
    readout: tinyReadout,
    fusionWeight: 0.2,
    ...manifest,
  };
  await writeFile(join(folder, 'blockrank.json'), JSON.stringify(whole));
  return folder;
}
