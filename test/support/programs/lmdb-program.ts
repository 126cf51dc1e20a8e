/**
 * Keeps states in a folder and reads them, in a separate process, because a fault in LMDB would end the process. Prints
 * the states found before and after, the counts, and the warnings.
 */
import { renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockState, StateKey } from '../../../engine/contract.ts';
import { lmdbSource } from '../../../engine/states/lmdb-source.ts';

const [, , folder = '', meanwhile = 'nothing', states = '40'] = process.argv;
const file = join(folder, 'data.mdb');
/** Changes to the file while it is open. */
const changes: Readonly<Record<string, () => void>> = {
  nothing: () => undefined,
  cut: () => truncateSync(file, 8192),
  emptied: () => truncateSync(file, 0),
  removed: () => rmSync(file),
  replaced: () => {
    writeFileSync(`${file}.new`, Buffer.alloc(100_000, 7));
    renameSync(`${file}.new`, file);
  },
};
const entries = Array.from({ length: Number(states) }, (_, i): readonly [StateKey, BlockState] => {
  // Some states lie on a leaf, others on separate pages.
  const tokens = new Float32Array(i % 2 ? 32 * 256 : 32).fill(i);
  const blockTokens = [tokens.length / 32];
  const anchors = new Float32Array(32).fill(i);
  return [
    { encodingDigest: 'm', textDigest: String(i) },
    { width: 32, blockTokens, anchors, tokens, truncatedTokens: 0 },
  ];
});
const keys = entries.map(([key]) => key);
const warnings: string[] = [];
const source = lmdbSource({ folder, onWarning: (message) => warnings.push(message) });
const found = async (): Promise<number> => (await source.getMany(keys)).filter(Boolean).length;
const before = await found();
await source.putMany(entries);
const kept = await found();
changes[meanwhile]!();
const after = await found();
await source.putMany(entries);
const { counts } = source;
await source.close();
process.stdout.write(JSON.stringify({ before, kept, after, counts, warnings }));
