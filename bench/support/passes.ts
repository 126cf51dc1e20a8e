/** The ways to read one list with a decoder in several runs, keys and values on the host between them. */
import type { DecoderConfig } from '../../engine/network/decoder-config.ts';
import { type DecoderParts, DecoderRunner } from '../../engine/rerank/decoder/decoder-runner.ts';
import type { SessionOptions } from '../../engine/session/runtime.ts';
import { toBatches } from '../../engine/states/batches.ts';

/** Tokens of a list beside its documents, as the published prompt has them. */
export const listTokens = {
  instruction: 92,
  query: 66,
  /** Of a decoded answer: an opening bracket is there, at most three digits and the closing one follow. */
  decoded: 4,
} as const;

/** What is read of a list. */
export const readTokens = {
  /** Position of the query block's first token. */
  queryPosition: 4000,
  /** The query block's tokens whose attention is read. */
  signals: [64, 65],
} as const;

/** Lengths of documents as they are: mean 115, up to 351, like the published figures of TREC DL's passages. */
export const passageLengths = (documents: number): number[] =>
  Array.from({ length: documents }, (_, d) => 60 + ((d * 7919) % 97) + (d % 25 === 0 ? 194 : 0));

/** Tokens of a list as one text. */
export const textTokens = (lengths: readonly number[]): number =>
  lengths.reduce((sum, length) => sum + length, listTokens.instruction + listTokens.query);

/** Milliseconds of a list as blocks. */
export interface BlockTimes {
  /** All of it. */
  readonly ms: number;
  /** What it was made of, where there were several runs: names end in `Ms`. */
  readonly steps: Readonly<Record<string, number>>;
}

/** Bytes that cross between host and device. */
export interface CopiedBytes {
  readonly up: number;
  readonly down: number;
}

/** Reads lists as blocks. */
export interface BlockPasses {
  /** Opens what {@link blocks} needs for so many layers, weights included. */
  open(layers: number): Promise<void>;
  /**
   * Instruction, documents, query block.
   *
   * @param lengths - Tokens of each document.
   * @param layers - Layers below the one whose attention is read.
   * @param batchTokens - Tokens of a batch, where there are batches.
   */
  blocks(lengths: readonly number[], layers: number, batchTokens?: number): Promise<BlockTimes>;
  /** What {@link blocks} copies, by arithmetic. */
  blockBytes(lengths: readonly number[], layers: number, batchTokens: number): CopiedBytes;
  /** Frees all sessions. */
  release(): Promise<void>;
}

/** Options of {@link Passes}. */
export interface PassesOptions {
  /** The network and its weights. */
  readonly parts: DecoderParts;
  /** How graphs run. */
  readonly session: SessionOptions;
  /** Tokens of one batch of documents. @defaultValue 768 */
  readonly batchTokens?: number;
  /** Rows of one run of full attention. @defaultValue 512 */
  readonly chunkTokens?: number;
}

/** See the file's header. Sessions are opened when they are first needed. */
export class Passes implements BlockPasses {
  readonly #options: Required<PassesOptions>;
  readonly #runners = new Map<string, DecoderRunner>();

  constructor(options: PassesOptions) {
    this.#options = { batchTokens: 768, chunkTokens: 512, ...options };
  }

  /** By a list of one short document. */
  async open(layers: number): Promise<void> {
    await this.blocks([1], layers);
  }

  /** In batches; with all layers the text's next token is read. */
  async blocks(
    lengths: readonly number[],
    layers: number,
    batchTokens: number = this.#options.batchTokens,
  ): Promise<BlockTimes> {
    const isEarly = layers < this.#config.layers;
    const runner = this.#runner(layers, isEarly);
    const total = lengths.reduce((sum, length) => sum + length, listTokens.instruction);
    const past = { states: runner.states(total), tokens: total };
    const start = performance.now();
    await runner.encode([{ ids: this.#ids(listTokens.instruction), at: 0 }], {
      past: { ...past, tokens: 0 },
      firstPosition: 0,
    });
    const instructed = performance.now();
    let at: number = listTokens.instruction;
    const sequences = lengths.map((length) => {
      at += length;
      return { ids: this.#ids(length), at: at - length };
    });
    for (const batch of toBatches(lengths, { batchTokens, workers: 1 })) {
      await runner.encode(
        batch.map((index) => sequences[index]!),
        {
          past: { ...past, tokens: listTokens.instruction },
          firstPosition: listTokens.instruction,
        },
      );
    }
    const encoded = performance.now();
    const query = { ids: this.#ids(listTokens.query), firstPosition: readTokens.queryPosition };
    if (isEarly) {
      await runner.signalLogits({ ...query, signals: readTokens.signals }, past, {
        from: listTokens.instruction,
        to: total,
      });
    } else await runner.tokenLogits({ ...query, places: readTokens.signals.slice(-1) }, past);
    const end = performance.now();
    const steps = {
      instructionMs: instructed - start,
      documentsMs: encoded - instructed,
      queryMs: end - encoded,
    };
    return { ms: end - start, steps };
  }

  /** Keys and values: all that counts, for ids and logits are a few kilobytes. */
  blockBytes(lengths: readonly number[], layers: number, batchTokens: number): CopiedBytes {
    const { keyValueHeads, headSize } = this.#config;
    const tensor = keyValueHeads * headSize * Float32Array.BYTES_PER_ELEMENT;
    const [read, written] = [2 * layers * tensor, (2 * layers + 1) * tensor];
    const batches = toBatches(lengths, { batchTokens, workers: 1 });
    const rows = batches.reduce(
      (sum, batch) => sum + batch.length * Math.max(...batch.map((index) => lengths[index]!)),
      0,
    );
    const documents = lengths.reduce((sum, length) => sum + length, 0);
    const past = batches.length * listTokens.instruction + listTokens.instruction + documents;
    return { up: past * read + documents * tensor, down: (listTokens.instruction + rows) * written };
  }

  /** One text with full causal attention, row chunk by row chunk. */
  async full(lengths: readonly number[], layers: number): Promise<void> {
    const runner = this.#runner(layers, false);
    const total = textTokens(lengths);
    const past = { states: runner.states(total), tokens: total };
    const { chunkTokens } = this.#options;
    for (let at = 0; at < total; at += chunkTokens) {
      const ids = this.#ids(Math.min(chunkTokens, total - at));
      await runner.encode([{ ids, at }], { past: { ...past, tokens: at }, firstPosition: at });
    }
  }

  /** The answer's tokens, one after another, over a text that was read. */
  async decode(lengths: readonly number[]): Promise<void> {
    const runner = this.#runner(this.#config.layers, false);
    const total = textTokens(lengths);
    const past = { states: runner.states(total), tokens: total };
    for (let token = 0; token < listTokens.decoded; token += 1) {
      await runner.tokenLogits({ ids: this.#ids(1), firstPosition: total, places: [0] }, past);
    }
  }

  /** Frees all sessions. */
  async release(): Promise<void> {
    for (const runner of this.#runners.values()) await runner.release();
    this.#runners.clear();
  }

  get #config(): DecoderConfig {
    return this.#options.parts.config;
  }

  #ids(tokens: number): Int32Array {
    return idsOf(tokens, this.#config);
  }

  #runner(layers: number, lastKeys: boolean): DecoderRunner {
    const name = `${layers}/${lastKeys}`;
    const { parts, session } = this.#options;
    const runner = this.#runners.get(name) ?? new DecoderRunner(parts, { layers, lastKeys }, session);
    this.#runners.set(name, runner);
    return runner;
  }
}

/** Token ids: which ones does not change the time. */
export const idsOf = (tokens: number, { vocabulary }: Pick<DecoderConfig, 'vocabulary'>): Int32Array =>
  Int32Array.from({ length: tokens }, (_, i) => 1 + ((i * 97) % (vocabulary - 1)));
