/** Block attention with early exit against full causal attention, same decoder, weights, runtime and threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderConfig } from '../engine/network/decoder-config.ts';
import { DecoderRunner } from '../engine/rerank/decoder/decoder-runner.ts';
import { toBatches } from '../engine/states/batches.ts';
import { atLeast, type Bench, rounded, threads } from './support/bench.ts';
import { mistralShape, randomDecoderWeights, smolShape } from './support/decoder-shape.ts';
import { linearity, median, timed } from './support/measure.ts';

const rounds = 3;
const lists = [25, 50, 100];
const growth = [25, 50, 100, 200, 350, 500];
const instructionTokens = 92;
const queryTokens = 66;
/** Tokens of a decoded answer: an opening bracket is there, at most three digits and the closing one follow. */
const decodedTokens = 4;
/** The share of layers below the published scoring layer, 21 of 32. */
const scoringLayer = 20;
const batchTokens = 768;
/** Rows of one run of full attention; more would not fit. */
const chunkTokens = 512;

/** Lengths as they are: mean 115, up to 351, like the published figures of TREC DL's passages. */
const lengthOf = (document: number): number =>
  60 + ((document * 7919) % 97) + (document % 25 === 0 ? 194 : 0);

export const sparsity: Bench = {
  about: `One list on the shape of SmolLM2-135M: documents as blocks and layers up to ${scoringLayer}, beside full causal attention over all layers and ${decodedTokens} decoded tokens.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-sparsity-'));
    try {
      const weights = await randomDecoderWeights(smolShape, { folder, type: 'float32' });
      const passes = new Passes({ config: smolShape, weights }, folder);
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
          runs.push(await timed(() => passes.blocks(documents, scoringLayer)));
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
  const { layers } = smolShape;
  const forms = {
    block: () => passes.blocks(documents, scoringLayer),
    blockAllLayers: () => passes.blocks(documents, layers),
    blockPadded: () => passes.blocks(documents, scoringLayer, true),
    fullEarlyExit: () => passes.full(documents, scoringLayer),
    full: () => passes.full(documents, layers),
    decoding: () => passes.decode(documents),
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

/** The ways to read one list. */
class Passes {
  readonly #parts: ConstructorParameters<typeof DecoderRunner>[0];
  readonly #folder: string;
  readonly #runners = new Map<string, DecoderRunner>();

  constructor(parts: ConstructorParameters<typeof DecoderRunner>[0], folder: string) {
    this.#parts = parts;
    this.#folder = folder;
  }

  /** Documents as blocks, then the query block; `padded` as the official code lays blocks out. */
  async blocks(documents: number, layers: number, padded = false): Promise<void> {
    const runner = this.#runner(layers, layers < this.#parts.config.layers);
    const own = Array.from({ length: documents }, (_, d) => lengthOf(d));
    const longest = Math.ceil(Math.max(...own) / 16) * 16;
    const lengths = padded ? own.map(() => longest) : own;
    const total = lengths.reduce((sum, length) => sum + length, instructionTokens);
    const past = { states: runner.states(total), tokens: total };
    await runner.encode([{ ids: idsOf(instructionTokens), at: 0 }], {
      past: { ...past, tokens: 0 },
      firstPosition: 0,
    });
    let at = instructionTokens;
    const sequences = lengths.map((length) => {
      at += length;
      return { ids: idsOf(length), at: at - length };
    });
    for (const batch of toBatches(lengths, { batchTokens, workers: 1 })) {
      await runner.encode(
        batch.map((index) => sequences[index]!),
        { past: { ...past, tokens: instructionTokens }, firstPosition: instructionTokens },
      );
    }
    const query = { ids: idsOf(queryTokens), firstPosition: 4000 };
    if (layers < this.#parts.config.layers) {
      const range = { from: instructionTokens, to: total };
      await runner.signalLogits({ ...query, signals: [64, 65] }, past, range);
    } else await runner.tokenLogits({ ...query, places: [65] }, past);
  }

  /** One text, row chunk by row chunk. */
  async full(documents: number, layers: number): Promise<void> {
    const runner = this.#runner(layers, false);
    const total = textTokens(documents);
    const past = { states: runner.states(total), tokens: total };
    for (let at = 0; at < total; at += chunkTokens) {
      const ids = idsOf(Math.min(chunkTokens, total - at));
      await runner.encode([{ ids, at }], { past: { ...past, tokens: at }, firstPosition: at });
    }
  }

  /** The answer's tokens, one after another, over a text that was read. */
  async decode(documents: number): Promise<void> {
    const runner = this.#runner(this.#parts.config.layers, false);
    const total = textTokens(documents);
    const past = { states: runner.states(total), tokens: total };
    for (let token = 0; token < decodedTokens; token += 1) {
      await runner.tokenLogits({ ids: idsOf(1), firstPosition: total, places: [0] }, past);
    }
  }

  async release(): Promise<void> {
    for (const runner of this.#runners.values()) await runner.release();
  }

  #runner(layers: number, lastKeys: boolean): DecoderRunner {
    const name = `${layers}/${lastKeys}`;
    const session = { folder: this.#folder, threads, prepack: true };
    const runner = this.#runners.get(name) ?? new DecoderRunner(this.#parts, { layers, lastKeys }, session);
    this.#runners.set(name, runner);
    return runner;
  }
}

const textTokens = (documents: number): number =>
  Array.from({ length: documents }, (_, d) => lengthOf(d)).reduce(
    (sum, length) => sum + length,
    instructionTokens + queryTokens,
  );

const idsOf = (tokens: number): Int32Array =>
  Int32Array.from({ length: tokens }, (_, i) => 1 + ((i * 97) % 40_000));

/**
 * Multiplications of full attention over all layers, divided by those of blocks up to the scoring layer: what the
 * published shape can gain by arithmetic alone.
 */
function countedRatio(config: DecoderConfig, documents: number): number {
  const { width: W, innerWidth: F, heads, keyValueHeads, headSize: D, layers } = config;
  const linear = W * heads * D * 2 + W * keyValueHeads * D * 2 + 3 * W * F;
  const attention = (pairs: number): number => 2 * pairs * heads * D;
  const lengths = Array.from({ length: documents }, (_, d) => lengthOf(d));
  const total = textTokens(documents);
  const ownPairs = lengths.reduce((sum, length) => sum + length * (instructionTokens + length / 2), 0);
  const blockPairs = ownPairs + queryTokens * total + instructionTokens ** 2 / 2;
  const full = layers * (total * linear + attention(total ** 2 / 2));
  const block = 20 * (total * linear + attention(blockPairs)) + total * W * keyValueHeads * D;
  return rounded(full / block);
}
