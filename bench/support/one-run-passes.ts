/** A list taken in one run by a decoder: as blocks, and as one text. */
import { toPackedFeeds } from '../../engine/network/packed/packed-feeds.ts';
import type { PackedForm } from '../../engine/network/packed/packed-form.ts';
import { type PackedList, packedLayout, sizeOf } from '../../engine/network/packed/packed-layout.ts';
import type { DecoderParts } from '../../engine/rerank/decoder/decoder-runner.ts';
import { listPolicy } from '../../engine/rerank/decoder/list-path.ts';
import { ListRunner } from '../../engine/rerank/decoder/list-runner.ts';
import type { SessionOptions } from '../../engine/session/runtime.ts';
import {
  type BlockPasses,
  type BlockTimes,
  type CopiedBytes,
  idsOf,
  listTokens,
  readTokens,
} from './passes.ts';

/** See the file's header. A session is opened when it is first needed; one is open at a time. */
export class OneRunPasses implements BlockPasses {
  readonly #parts: DecoderParts;
  readonly #session: SessionOptions;
  readonly #form: PackedForm;
  #opened: { readonly layers: number; readonly runner: ListRunner } | undefined;

  constructor({ parts, session }: { readonly parts: DecoderParts; readonly session: SessionOptions }) {
    const { computeType = 'float32' } = parts;
    const { attention, buckets } = listPolicy(session.provider ?? 'cpu', { computeType });
    this.#parts = parts;
    this.#session = session;
    this.#form = { context: 'blocks', attention, buckets, queries: 1 };
  }

  async open(layers: number): Promise<void> {
    const { runner } = await this.#runner(layers);
    await runner.open();
  }

  async blocks(lengths: readonly number[], layers: number): Promise<BlockTimes> {
    const { runner } = await this.#runner(layers);
    const list = this.#list(lengths);
    const start = performance.now();
    await runner.signalLogits(list, readTokens.signals);
    return { ms: performance.now() - start, steps: {} };
  }

  /** One text with full causal attention up to the last layer's keys: a list whose documents are one. */
  text(lengths: readonly number[]): Promise<BlockTimes> {
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    return this.blocks([tokens], this.#parts.config.layers - 1);
  }

  blockBytes(lengths: readonly number[]): CopiedBytes {
    const { config } = this.#parts;
    const list = this.#list(lengths);
    const layout = packedLayout(sizeOf(list), this.#form);
    const { signals } = readTokens;
    const feeds = toPackedFeeds(list, { form: this.#form, layout, signals }, config);
    const documents = lengths.reduce((sum, length) => sum + length, 0);
    return {
      up: Object.values(feeds).reduce((sum, { data }) => sum + data.byteLength, 0),
      down: config.heads * signals.length * documents * Float32Array.BYTES_PER_ELEMENT,
    };
  }

  async release(): Promise<void> {
    await this.#opened?.runner.release();
    this.#opened = undefined;
  }

  #list(lengths: readonly number[]): PackedList {
    const { config } = this.#parts;
    return {
      instruction: idsOf(listTokens.instruction, config),
      documents: lengths.map((length) => idsOf(length, config)),
      queries: [idsOf(listTokens.query, config)],
      queryPosition: readTokens.queryPosition,
    };
  }

  /** Another number of layers is another graph: the one before is freed, for both may not fit into a card's memory. */
  async #runner(layers: number): Promise<{ readonly runner: ListRunner }> {
    if (this.#opened?.layers === layers) return this.#opened;
    await this.release();
    const runner = new ListRunner({
      parts: this.#parts,
      reading: { kind: 'signals', layer: layers },
      form: this.#form,
      session: this.#session,
    });
    this.#opened = { layers, runner };
    return this.#opened;
  }
}
