/** Runs a decoder's graphs: what blocks leave behind, and what a query block reads of it. */
import { toOnnx } from '../../graph/onnx.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import {
  attentionOf,
  decoderStates,
  namedStates,
  signalLogits,
  spanAttention,
  tokenLogits,
} from '../../network/decoder.ts';
import type { DecoderConfig } from '../../network/decoder-config.ts';
import { toDecoderFeeds, toSignalFeeds, toSpanFeeds } from '../../network/decoder-feeds.ts';
import { type DecoderPast, keysOf, pastInputs, pastOf, valuesOf } from '../../network/decoder-inputs.ts';
import type { DecoderNetwork } from '../../network/decoder-layers.ts';
import { type GraphSession, openSession, type SessionOptions } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { type KeyValueShape, KeyValues } from '../../states/key-values.ts';
import { fileParameters, withoutBfloat16 } from '../../weights/file-parameters.ts';
import type { WeightTable } from '../../weights/weight-table.ts';

/** A decoder and the files that hold it; structured-cloneable. */
export interface DecoderParts {
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** Its weights. */
  readonly weights: WeightTable;
  /** Names their content, so that decoders of one thread share sessions. @defaultValue none is shared */
  readonly digest?: string;
  /** Type of products; normalisation and softmax are float32. @defaultValue `'float32'` */
  readonly computeType?: 'float32' | 'float16';
}

/** One token run to encode. */
export interface Sequence {
  /** Token ids. */
  readonly ids: Int32Array;
  /** Where its tokens go among all tokens of the request. */
  readonly at: number;
}

/** What a runner reads. */
export interface DecoderReading {
  /** Layers whose keys and values are kept. */
  readonly layers: number;
  /** Whether the next layer's keys are kept, for signal tokens. */
  readonly lastKeys: boolean;
}

/** A past and how much of it is read. */
export interface Past {
  readonly states: KeyValues;
  readonly tokens: number;
}

type Graph = 'instruction' | 'documents' | 'signals' | 'attention' | 'first-tokens' | 'tokens';

/** Sessions are opened when they are first needed: no request needs all of them. */
export class DecoderRunner {
  readonly #network: DecoderNetwork;
  readonly #digest: string | undefined;
  readonly #reading: DecoderReading;
  readonly #session: SessionOptions;
  readonly #sessions = new Map<Graph, Promise<GraphSession>>();

  constructor(parts: DecoderParts, reading: DecoderReading, session: SessionOptions) {
    const { config, weights, computeType, digest } = parts;
    this.#digest = digest;
    const parameters = fileParameters(weights);
    this.#network = {
      config,
      // A card holds a copy anyway: what is cast when it is loaded is not cast in every run.
      parameters:
        (session.provider ?? 'cpu') === 'cpu'
          ? parameters
          : withoutBfloat16(parameters, computeType ?? 'float32'),
      computeType,
    };
    this.#reading = reading;
    this.#session = session;
  }

  /** Shape of the states that {@link encode} fills. */
  get shape(): KeyValueShape {
    const { keyValueHeads, headSize } = this.#network.config;
    return { ...this.#reading, tokenWidth: keyValueHeads * headSize };
  }

  /** Memory for the states of so many tokens. */
  states(tokens: number): KeyValues {
    return new KeyValues(this.shape, tokens);
  }

  /** Encodes sequences that share a past and a first position, and keeps what they leave behind. */
  async encode(
    sequences: readonly Sequence[],
    { past, firstPosition }: { readonly past: Past; readonly firstPosition: number },
  ): Promise<void> {
    const { layers, lastKeys } = this.#reading;
    const names = [...this.#names(layers), ...(lastKeys ? [keysOf(layers)] : [])];
    const batch = { sequences: sequences.map(({ ids }) => ids), firstPosition, pastTokens: past.tokens };
    const answer = await this.#run(
      past.tokens === 0 ? 'instruction' : 'documents',
      { ...toDecoderFeeds(batch, this.#network.config), ...this.#past(past, layers) },
      names,
    );
    const longest = Math.max(...sequences.map(({ ids }) => ids.length));
    for (const name of names) {
      const data = answer[name]!.data as Float32Array;
      const [kind, layer] = name.split('_') as ['keys' | 'values', string];
      sequences.forEach(({ ids, at }, n) => {
        past.states.put(
          { kind, layer: Number(layer), at },
          { data, from: n * longest, to: n * longest + ids.length },
        );
      });
    }
  }

  /**
   * Logits of signal tokens over the tokens `documents.from` to `documents.to` of the past.
   *
   * @returns Row-major, shape `[heads, signals, documents]`.
   */
  async signalLogits(
    query: { readonly ids: Int32Array; readonly signals: readonly number[]; readonly firstPosition: number },
    past: Past,
    documents: { readonly from: number; readonly to: number },
  ): Promise<Float32Array> {
    const { config } = this.#network;
    const batch = { sequences: [query.ids], firstPosition: query.firstPosition, pastTokens: past.tokens };
    const keys = past.states.lastKeys(documents.from, documents.to);
    const { logits } = await this.#run(
      'signals',
      {
        ...toDecoderFeeds(batch, config),
        ...this.#past(past, this.#reading.layers),
        ...toSignalFeeds(config, query.signals, keys),
      },
      ['logits'],
    );
    return logits!.data as Float32Array;
  }

  /**
   * Attention that a span pays to every token of its past, mean over the span's tokens.
   *
   * @returns One matrix a layer, shape `[heads, past]`.
   */
  async spanAttention(
    span: { readonly ids: Int32Array; readonly firstPosition: number },
    past: Past,
    layers: { readonly from: number; readonly to: number },
  ): Promise<Float32Array[]> {
    const { config } = this.#network;
    const names = Array.from({ length: layers.to - layers.from }, (_, i) => attentionOf(layers.from + i));
    const batch = { sequences: [span.ids], firstPosition: span.firstPosition, pastTokens: past.tokens };
    const weights = new Float32Array(span.ids.length).fill(1 / span.ids.length);
    const answer = await this.#run(
      'attention',
      {
        ...toDecoderFeeds(batch, config),
        ...this.#past(past, layers.to),
        ...toSpanFeeds(config, weights, past.tokens),
      },
      names,
    );
    return names.map((name) => answer[name]!.data as Float32Array);
  }

  /** The vocabulary's logits after some tokens of a text, row-major, shape `[places, vocabulary]`. */
  async tokenLogits(
    text: { readonly ids: Int32Array; readonly firstPosition: number; readonly places: readonly number[] },
    past: Past = { states: this.states(0), tokens: 0 },
  ): Promise<Float32Array> {
    const { config } = this.#network;
    const batch = { sequences: [text.ids], firstPosition: text.firstPosition, pastTokens: past.tokens };
    const signals: TensorValue = {
      type: 'int64',
      shape: [text.places.length],
      data: BigInt64Array.from(text.places, BigInt),
    };
    const feeds = { ...toDecoderFeeds(batch, config), ...this.#past(past, config.layers), signals };
    const graph = past.tokens === 0 ? 'first-tokens' : 'tokens';
    const { logits } = await this.#run(graph, feeds, ['logits']);
    return logits!.data as Float32Array;
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    const opened = await Promise.allSettled(this.#sessions.values());
    this.#sessions.clear();
    for (const each of opened) if (each.status === 'fulfilled') await each.value.release();
  }

  #names(layers: number): string[] {
    return Array.from({ length: layers }, (_, layer) => [keysOf(layer), valuesOf(layer)]).flat();
  }

  #past({ states, tokens }: Past, layers: number): Record<string, TensorValue> {
    const { headSize, keyValueHeads } = this.#network.config;
    const shape = [tokens, keyValueHeads, headSize];
    const feeds: Record<string, TensorValue> = {};
    for (let layer = 0; layer < layers; layer += 1) {
      feeds[pastOf(keysOf(layer))] = { type: 'float32', shape, data: states.past('keys', layer, tokens) };
      feeds[pastOf(valuesOf(layer))] = { type: 'float32', shape, data: states.past('values', layer, tokens) };
    }
    return feeds;
  }

  async #run(
    graph: Graph,
    feeds: Readonly<Record<string, TensorValue>>,
    outputs: readonly string[],
  ): Promise<Record<string, TensorValue>> {
    const session = await (this.#sessions.get(graph) ?? this.#open(graph));
    // The last layer of a graph reads less of the past than the others.
    const read = Object.entries(feeds).filter(([name]) => session.inputs.has(name));
    return session.run(Object.fromEntries(read), outputs);
  }

  #open(graph: Graph): Promise<GraphSession> {
    // Only documents are many enough to be worth a copy of the weights in the fastest layout.
    const options = { ...this.#session, prepack: this.#session.prepack && graph === 'documents' };
    const model = toOnnx(this.#outputs(graph));
    const session =
      this.#digest === undefined
        ? openSession(model, options)
        : openSharedSession(model, options, this.#digest);
    session.catch(() => {}); // whoever runs it sees it
    this.#sessions.set(graph, session);
    return session;
  }

  #pastInputs(layers: number): DecoderPast {
    return pastInputs(this.#network.config, layers);
  }

  #outputs(graph: Graph): Record<string, Value> {
    const network = this.#network;
    const { layers, lastKeys } = this.#reading;
    switch (graph) {
      case 'instruction':
      case 'documents':
        return namedStates(
          decoderStates(network, {
            layers,
            lastKeys,
            past: graph === 'documents' ? this.#pastInputs(layers) : undefined,
          }),
        );
      case 'signals':
        return signalLogits(network, { scoringLayer: layers, past: this.#pastInputs(layers) });
      case 'attention':
        return spanAttention(network, { layers: { from: 0, to: layers }, past: this.#pastInputs(layers) });
      case 'first-tokens':
      case 'tokens':
        return tokenLogits(
          network,
          graph === 'tokens' ? { past: this.#pastInputs(network.config.layers) } : {},
        );
      default:
        throw new TypeError(`graph: unknown graph ${JSON.stringify(graph satisfies never)}.`);
    }
  }
}
