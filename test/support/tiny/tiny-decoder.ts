/** Tiny complete decoder folders: the parity fixtures' models with a manifest. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of the parity fixtures. */
export const parityFixtures: string = fileURLToPath(
  new URL('../../fixtures/blockrank-parity', import.meta.url),
);

/** The scoring that the fixtures were made with. */
export const tinyScoring = {
  method: 'signal-tokens',
  layer: 2,
  signalTokens: 2,
  queryPosition: 16_384,
} as const;

/** A tiny model. */
export type TinyDecoder = 'mistral-tiny' | 'llama-tiny' | 'qwen3-tiny';

/**
 * Writes the folder to a temporary path and gives the path.
 *
 * @param manifest - Properties of blockrank.json in place of the fixture's; `false` for a folder without one.
 */
export async function tinyDecoder(
  model: TinyDecoder = 'mistral-tiny',
  manifest: Readonly<Record<string, unknown>> | false = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `blockrank-${model}-`));
  await cp(join(parityFixtures, model), folder, {
    recursive: true,
    filter: (path) => !path.includes('cases'),
  });
  if (manifest === false) return folder;
  const whole = {
    formatVersion: 1,
    name: model,
    family: 'decoder',
    profile: 'in-context',
    scoring: tinyScoring,
    ...manifest,
  };
  await writeFile(join(folder, 'blockrank.json'), JSON.stringify(whole));
  return folder;
}
