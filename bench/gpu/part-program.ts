/** One part in this process: `part-program.ts KIND OPTIONS`, OPTIONS as JSON. Each line of standard output is figures. */

import type { Figures, Part, PartKind } from './part.ts';
import { block } from './parts/block.ts';
import { ceiling } from './parts/ceiling.ts';
import { encoder } from './parts/encoder.ts';
import { full } from './parts/full.ts';
import { half } from './parts/half.ts';
import { peer } from './parts/peer.ts';

const parts: { readonly [Kind in PartKind]: Part<Kind> } = {
  half,
  ceiling,
  encoder,
  peer,
  block,
  full,
};

const [kind = '', options = ''] = process.argv.slice(2);
const say = (figures: Figures): void => void process.stdout.write(`${JSON.stringify(figures)}\n`);
try {
  await parts[kind as 'ceiling'](JSON.parse(options), say);
} catch (error) {
  process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
  say({ error: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
