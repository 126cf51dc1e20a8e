/** Block attention with early exit against full causal attention, same decoder, weights, runtime and threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderConfig } from '../engine/network/decoder-config.ts';
import { atLeast, type Bench, rounded, threads } from './support/bench.ts';
import { decoderShapes, mistralShape } from './support/decoder-shape.ts';
import { linearity, median, timed } from './support/measure.ts';
import { listTokens, Passes, passageLengths, textTokens } from './support/passes.ts';
import { randomDecoderWeights } from './support/random-weights.ts';

const rounds = 3;
const lists = [25, 50, 100];
const growth = [25, 50, 100, 200, 350, 500];
const { config, scoringLayer } = decoderShapes.smol;

export const sparsity: Bench = {
  about: `One list on the shape of SmolLM2-135M: documents as blocks and layers up to ${scoringLayer}, beside full causal attention over all layers and ${listTokens.decoded} decoded tokens.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-sparsity-'));
    try {
      const weights = await randomDecoderWeights(config, { folder, type: 'float32' });
      const session = { folder, threads, prepack: true };
      const passes = new Passes({ parts: { config, weights }, session });
      const byList: Record<string, unknown> = {};
      let ratio = 0;
      for (const documents of lists) {
        note(`${documents} documents`);
        const shares = await timeList(passes, documents);
        byList[documents] = shares;
        ratio = shares.fullOverBlock;
      }
      const times: number[] = [];
      for (const documents of growth) {
        note(`${documents} documents as blocks`);
        const runs: number[] = [];
        for (let round = 0; round < rounds; round += 1) {
          runs.push(await timed(() => passes.blocks(passageLengths(documents), scoringLayer)));
        }
        times.push(median(runs));
      }
      await passes.release();
      const r2 = linearity(growth, times);
      return {
        figures: {
          byDocuments: byList,
          blockMsByDocuments: Object.fromEntries(growth.map((count, i) => [count, rounded(times[i]!)])),
          linearity: rounded(r2, 5),
          countedRatioOf7BShape: Object.fromEntries(
            lists.map((count) => [count, countedRatio(mistralShape, count)]),
          ),
        },
        checks: [
          atLeast('full attention / block attention, 100 documents, in all', ratio, 4.7),
          atLeast('linear from 25 to 500 documents, R^2', r2, 0.995),
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

interface Shares {
  readonly fullOverBlock: number;
  readonly [share: string]: number;
}

/** What each source saves by itself, in the order in which they are added. */
async function timeList(passes: Passes, documents: number): Promise<Shares> {
  const { layers } = config;
  const lengths = passageLengths(documents);
  // As the official code lays blocks out.
  const padded = lengths.map(() => Math.ceil(Math.max(...lengths) / 16) * 16);
  const forms = {
    block: () => passes.blocks(lengths, scoringLayer),
    blockAllLayers: () => passes.blocks(lengths, layers),
    blockPadded: () => passes.blocks(padded, scoringLayer),
    fullEarlyExit: () => passes.full(lengths, scoringLayer),
    full: () => passes.full(lengths, layers),
    decoding: () => passes.decode(lengths),
  };
  const names = Object.keys(forms) as (keyof typeof forms)[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  await forms.block();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) times[name]!.push(await timed(forms[name]));
  }
  const ms = (name: keyof typeof forms): number => median(times[name]!);
  return {
    blockMs: rounded(ms('block')),
    fullAndDecodingMs: rounded(ms('full') + ms('decoding')),
    fullOverBlock: rounded((ms('full') + ms('decoding')) / ms('block'), 4),
    sparsityAlone: rounded(ms('full') / ms('blockAllLayers')),
    sparsityWithEarlyExit: rounded(ms('fullEarlyExit') / ms('block')),
    earlyExitAlone: rounded(ms('blockAllLayers') / ms('block')),
    noDecoding: rounded((ms('full') + ms('decoding')) / ms('full')),
    noPadding: rounded(ms('blockPadded') / ms('block')),
  };
}

/**
 * Multiplications of full attention over all layers, divided by those of blocks up to the scoring layer: what the
 * published shape can gain by arithmetic alone.
 */
function countedRatio(shape: DecoderConfig, documents: number): number {
  const { width: W, innerWidth: F, heads, keyValueHeads, headSize: D, layers } = shape;
  const linear = W * heads * D * 2 + W * keyValueHeads * D * 2 + 3 * W * F;
  const attention = (pairs: number): number => 2 * pairs * heads * D;
  const { instruction, query } = listTokens;
  const lengths = passageLengths(documents);
  const total = textTokens(lengths);
  const ownPairs = lengths.reduce((sum, length) => sum + length * (instruction + length / 2), 0);
  const blockPairs = ownPairs + query * total + instruction ** 2 / 2;
  const full = layers * (total * linear + attention(total ** 2 / 2));
  const block = 20 * (total * linear + attention(blockPairs)) + total * W * keyValueHeads * D;
  return rounded(full / block);
}
