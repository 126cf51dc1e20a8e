/**
 * What an encoder's graph is fed, and where each block's first token is.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `H` heads, `D = W / H`.
 */
import { maskedLogit } from '../graph/masked-logit.ts';
import * as g from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { type Axis, input, type Value } from '../graph/value.ts';
import type { EncoderConfig } from './encoder-config.ts';

/** What tells an encoder's graph about its blocks. */
export interface EncoderInputs {
  /** Token ids, padded to the longest block, int64 `[B, L]`. */
  readonly ids: Value;
  /** 0 to L-1, int64 `[L]`. */
  readonly positions: Value;
  /** Added to attention logits: 0 for a token, a very negative number for padding, float32 `[B, 1, 1, L]`. */
  readonly mask: Value;
  /** `B, L, H, D`, int64 `[4]`. */
  readonly headShape: Value;
}

/**
 * The inputs of a graph that is fed by {@link toEncoderFeeds}.
 *
 * @param prefix - Stands before the names of inputs and axes, so that one graph can hold several batches.
 * @defaultValue nothing
 */
export function encoderInputs(prefix: string = ''): EncoderInputs {
  const [B, L] = [`${prefix}B`, `${prefix}L`];
  return {
    ids: input(`${prefix}ids`, 'int64', [B, L]),
    positions: input(`${prefix}positions`, 'int64', [L]),
    mask: input(`${prefix}mask`, 'float32', [B, 1, 1, L]),
    headShape: input(`${prefix}headShape`, 'int64', [4]),
  };
}

/** Each block's first token, `[T, W]` to `[B, W]`. */
export function firstTokens(states: Value, { ids, headShape }: EncoderInputs, config: EncoderConfig): Value {
  const [B, L] = ids.shape as readonly [Axis, Axis];
  const { width: W, heads: H } = config;
  const blocks = g.reshapeTo(states, [B, L, H, W / H], headShape);
  return g.reshape(g.slice(blocks, { axis: 1, start: 0, end: 1 }), [B, W], [-1, W]);
}

/** What an encoder graph is fed. */
export interface EncoderFeeds {
  /** Token ids, padded to the longest block, shape `[B, L]`. */
  readonly ids: TensorValue;
  /** 0 to L-1. */
  readonly positions: TensorValue;
  /** Added to attention logits: 0 for a token, a very negative number for padding, shape `[B, 1, 1, L]`. */
  readonly mask: TensorValue;
  /** `[B, L, H, D]`. */
  readonly headShape: TensorValue;
}

/** Which 32 bits of a small int64 hold it: the first where numbers are kept lowest byte first. */
const lowerWord = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;

/**
 * Blocks of token ids, of any lengths, as one padded batch.
 *
 * @param tokens - Length that all are padded to at least. @defaultValue the longest one's
 */
export function toEncoderFeeds(
  blocks: readonly Int32Array[],
  config: EncoderConfig,
  padId: number,
  tokens = 0,
): EncoderFeeds {
  const B = blocks.length;
  const L = Math.max(tokens, ...blocks.map(({ length }) => length));
  const ids = new BigInt64Array(B * L).fill(BigInt(padId));
  const mask = new Float32Array(B * L).fill(maskedLogit);
  // A plain loop over the lower half of each number: a device waits for it, and making each a bigint takes ten times as long.
  const words = new Int32Array(ids.buffer);
  blocks.forEach((block, b) => {
    mask.fill(0, b * L, b * L + block.length);
    for (let j = 0; j < block.length; j += 1) words[2 * (b * L + j) + lowerWord] = block[j]!;
  });
  const head = [B, L, config.heads, config.width / config.heads];
  return {
    ids: { type: 'int64', shape: [B, L], data: ids },
    positions: { type: 'int64', shape: [L], data: BigInt64Array.from({ length: L }, (_, j) => BigInt(j)) },
    mask: { type: 'float32', shape: [B, 1, 1, L], data: mask },
    headShape: { type: 'int64', shape: [4], data: BigInt64Array.from(head, BigInt) },
  };
}

/** Feeds of a graph whose inputs have a prefix. @param prefix - As of {@link encoderInputs}. */
export function prefixedFeeds(prefix: string, feeds: EncoderFeeds): Record<string, TensorValue> {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [`${prefix}${name}`, feed]));
}

/** Tokens of a batch without its padding. @param feeds - With those of {@link toEncoderFeeds}. */
export function encoderTokens({ mask }: Readonly<Record<string, TensorValue>>): number {
  return (mask!.data as Float32Array).reduce((count, added) => count + (added === 0 ? 1 : 0), 0);
}
