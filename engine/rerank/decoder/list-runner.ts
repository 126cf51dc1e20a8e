/** Runs a whole list at once: one graph, one session, one copy of the weights; nothing is kept between two lists. */
import { toOnnx } from '../../graph/onnx.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import type { LayerRange } from '../../model/decoder-manifest.ts';
import type { DecoderNetwork } from '../../network/decoder-layers.ts';
import {
  logitsName,
  packedAttentionOf,
  packedSignalLogits,
  packedSpanAttention,
} from '../../network/packed/packed-decoder.ts';
import { type PackedRun, toPackedFeeds } from '../../network/packed/packed-feeds.ts';
import type { PackedForm } from '../../network/packed/packed-form.ts';
import { type PackedList, packedLayout, sizeOf, toPromptOrder } from '../../network/packed/packed-layout.ts';
import { type GraphSession, openSession, type SessionOptions } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { fileParameters, withoutBfloat16 } from '../../weights/file-parameters.ts';
import type { DecoderParts } from './decoder-runner.ts';

/** What is read of a list: the signal tokens' logits at a layer, or the query blocks' attention in some layers. */
export type ListReading =
  | { readonly kind: 'signals'; readonly layer: number }
  | { readonly kind: 'attention'; readonly layers: LayerRange };

/** What a {@link ListRunner} is made of. */
export interface ListRunnerParts {
  /** Network and weights. */
  readonly parts: DecoderParts;
  /** What it reads. */
  readonly reading: ListReading;
  /** What shape its graph has. */
  readonly form: PackedForm;
  /** How it runs. */
  readonly session: SessionOptions;
}

/** The session is opened when it is first needed. */
export class ListRunner {
  readonly #parts: ListRunnerParts;
  readonly #network: DecoderNetwork;
  #session: Promise<GraphSession> | undefined;

  constructor(parts: ListRunnerParts) {
    const { config, weights, computeType } = parts.parts;
    this.#parts = parts;
    const parameters = fileParameters(weights);
    const onCard = (parts.session.provider ?? 'cpu') !== 'cpu';
    this.#network = {
      config,
      parameters: onCard ? withoutBfloat16(parameters, computeType ?? 'float32') : parameters,
      computeType,
    };
  }

  /** The shape of its graph. */
  get form(): PackedForm {
    return this.#parts.form;
  }

  /** Loads the graph and the weights; what asks for a result first does so otherwise. @throws InferenceError */
  async open(): Promise<void> {
    await this.#open();
  }

  /**
   * Scaled logits of signal tokens over the documents' tokens, in the prompt's order.
   *
   * @param signals - Places of the signal tokens in the query block.
   * @returns Row-major, shape `[heads, signals, documents' tokens]`.
   */
  async signalLogits(list: PackedList, signals: readonly number[]): Promise<Float32Array> {
    const run = { ...this.#runOf(list), signals };
    const { [logitsName]: logits } = await this.#run(list, run, [logitsName]);
    return toPromptOrder(logits!.data as Float32Array, run.layout, 0);
  }

  /**
   * Attention that query blocks pay to instruction and documents, mean over each block's tokens, in the prompt's order.
   *
   * @returns By query block, one matrix a layer, shape `[heads, tokens of instruction and documents]`.
   */
  async spanAttention(list: PackedList): Promise<Float32Array[][]> {
    const { reading } = this.#parts;
    if (reading.kind !== 'attention')
      throw new TypeError('spanAttention: expected a runner that reads attention.');
    const { from, to } = reading.layers;
    const layers = Array.from({ length: to - from }, (_, i) => from + i);
    const run = this.#runOf(list);
    const names = list.queries.map((_, query) => layers.map((layer) => packedAttentionOf(layer, query)));
    const answer = await this.#run(list, run, names.flat());
    const matrix = (name: string): Float32Array =>
      toPromptOrder(answer[name]!.data as Float32Array, run.layout, list.instruction.length);
    return names.map((ofQuery) => ofQuery.map(matrix));
  }

  /** Frees the session; the next result opens it again. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    // One that could not be opened holds nothing, and whoever asked was told.
    await session?.then(
      (opened) => opened.release(),
      () => {},
    );
  }

  #runOf(list: PackedList): PackedRun {
    const { form } = this.#parts;
    if (list.queries.length !== form.queries) {
      throw new RangeError(`ListRunner: expected ${form.queries} query blocks, got ${list.queries.length}.`);
    }
    return { form, layout: packedLayout(sizeOf(list), form) };
  }

  async #run(
    list: PackedList,
    run: PackedRun,
    outputs: readonly string[],
  ): Promise<Record<string, TensorValue>> {
    const session = await this.#open();
    const feeds = Object.entries(toPackedFeeds(list, run, this.#network.config));
    return session.run(Object.fromEntries(feeds.filter(([name]) => session.inputs.has(name))), outputs);
  }

  #open(): Promise<GraphSession> {
    if (this.#session) return this.#session;
    const { parts, session: options } = this.#parts;
    const model = toOnnx(this.#outputs());
    const session =
      parts.digest === undefined
        ? openSession(model, options)
        : openSharedSession(model, options, parts.digest);
    session.catch(() => {}); // whoever runs it sees it
    this.#session = session;
    return session;
  }

  #outputs(): Record<string, Value> {
    const { reading, form } = this.#parts;
    return reading.kind === 'signals'
      ? packedSignalLogits(this.#network, { scoringLayer: reading.layer, form })
      : packedSpanAttention(this.#network, { layers: reading.layers, form });
  }
}
