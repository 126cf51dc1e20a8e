/** A decoder's list in one run beside the same list in batches, by length: what the choice of the path is made from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listPolicy } from '../engine/rerank/decoder/list-path.ts';
import { type Bench, rounded, threads } from './support/bench.ts';
import { decoderShapes, type ShapeName, withLayers } from './support/decoder-shape.ts';
import { median } from './support/measure.ts';
import { OneRunPasses } from './support/one-run-passes.ts';
import { Passes, passageLengths, textTokens } from './support/passes.ts';
import { randomDecoderWeights } from './support/random-weights.ts';

const rounds = 5;
/** Layers that are computed: what each takes is the same, and a busy machine measures few better than many. */
const computedLayers: Readonly<Record<ShapeName, number>> = { mistral: 1, smol: 4, small: 1 };
const documents: Readonly<Record<ShapeName, readonly number[]>> = {
  mistral: [6, 12, 25],
  smol: [6, 12, 25, 37, 50, 100],
  small: [6, 25, 100],
};
/** Tokens of a batch: the engine's default, and as many as its longest one run. */
const batchTokens = [768, 3072];

export const paths: Bench = {
  about: `One list by a decoder on the processor, in one run and in batches of ${batchTokens.join(' and ')} tokens; milliseconds of processor time by tokens of the list.`,
  takes: ['shape'],
  async run(note, { shape = 'smol' }) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-paths-'));
    const layers = computedLayers[shape];
    const config = withLayers(decoderShapes[shape].config, layers + 1);
    try {
      const weights = await randomDecoderWeights(config, { folder, type: 'float32' });
      const options = { parts: { config, weights }, session: { folder, threads, prepack: false } };
      const [oneRun, batches] = [new OneRunPasses(options), new Passes(options)];
      const byTokens: Record<number, Record<string, number>> = {};
      for (const count of documents[shape]) {
        const lengths = passageLengths(count);
        note(`${count} documents`);
        const times = await inTurns({
          oneRun: () => oneRun.blocks(lengths, layers),
          ...Object.fromEntries(
            batchTokens.map((most) => [`batches${most}`, () => batches.blocks(lengths, layers, most)]),
          ),
        });
        byTokens[textTokens(lengths)] = times;
      }
      await oneRun.release();
      await batches.release();
      const { mostTokens } = listPolicy('cpu');
      return { figures: { shape, layers, threads, rounds, mostTokens, byTokens }, checks: [] };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** Medians of processor time, which other processes change less than the clock's; each is first in some round. */
async function inTurns(
  contenders: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, number>> {
  const names = Object.keys(contenders);
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (const name of names) await contenders[name]!();
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length]!;
      const before = process.cpuUsage();
      await contenders[name]!();
      const { user, system } = process.cpuUsage(before);
      times.get(name)!.push((user + system) / 1000);
    }
  }
  return Object.fromEntries([...times].map(([name, each]) => [name, rounded(median(each))]));
}
