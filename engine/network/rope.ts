/**
 * Rotary position embedding: the angle by which each pair of values turns at each position.
 *
 * Axes: `D` head size, `L` tokens.
 *
 * Source: Su et al. (arXiv:2104.09864); scalings as in Llama 3.1's release and in YaRN (arXiv:2309.00071).
 */
import type { TensorValue } from '../graph/tensor.ts';

/** How positions beyond the trained range are brought back into it. */
export type RopeScaling =
  | { readonly type: 'none' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Factor of cosine and sine; undefined takes YaRN's `0.1 ln(factor) + 1`. */
      readonly attentionFactor?: number | undefined;
    }
  | {
      readonly type: 'divisors';
      /** One divisor a frequency, shape `[D/2]`, as a GGUF file keeps them. */
      readonly divisors: readonly number[];
    };

/** A network's rotary embedding. */
export interface RopeParameters {
  /** Base of the frequencies. */
  readonly theta: number;
  /** How they are changed. */
  readonly scaling: RopeScaling;
  /** Which values make a pair: `i` and `i + D/2`, or `2i` and `2i + 1`. */
  readonly pairs: 'halves' | 'neighbours';
}

/** Frequencies of the pairs in float32, shape `[D/2]`: a position times one is an angle in radians. */
export function inverseFrequencies({ theta, scaling }: RopeParameters, headSize: number): Float32Array {
  // Rounded where the checkpoints' own code rounds: at position 16384 a last bit turns a pair by 1e-3 radians.
  const plain = Float32Array.from(
    { length: headSize / 2 },
    (_, i) => 1 / Math.fround(theta ** ((2 * i) / headSize)),
  );
  switch (scaling.type) {
    case 'none':
      return plain;
    case 'linear':
      return Float32Array.from(plain, (frequency) => frequency / scaling.factor);
    case 'llama3':
      return Float32Array.from(plain, (frequency) => llama3(frequency, scaling));
    case 'yarn':
      return yarn(plain, theta, scaling);
    case 'divisors':
      return Float32Array.from(plain, (frequency, i) => frequency / scaling.divisors[i]!);
    default:
      throw new TypeError(`inverseFrequencies: unknown scaling ${JSON.stringify(scaling satisfies never)}.`);
  }
}

function llama3(frequency: number, scaling: Extract<RopeScaling, { type: 'llama3' }>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const turns = (originalPositions * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const share = (turns - low) / (high - low);
  return ((1 - share) * frequency) / factor + share * frequency;
}

function yarn(
  plain: Float32Array,
  theta: number,
  scaling: Extract<RopeScaling, { type: 'yarn' }>,
): Float32Array {
  const headSize = plain.length * 2;
  /** The pair that turns this often within the trained positions. */
  const pairOf = (turns: number): number =>
    (headSize * Math.log(scaling.originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const first = Math.max(Math.floor(pairOf(scaling.betaFast)), 0);
  const last = Math.min(Math.ceil(pairOf(scaling.betaSlow)), headSize - 1);
  const width = last === first ? 0.001 : last - first;
  return Float32Array.from(plain, (frequency, i) => {
    const scaled = Math.min(1, Math.max(0, (i - first) / width));
    return (scaled * frequency) / scaling.factor + (1 - scaled) * frequency;
  });
}

/** What cosine and sine are multiplied by. */
function amplitude(scaling: RopeScaling): number {
  if (scaling.type !== 'yarn') return 1;
  return scaling.attentionFactor ?? (scaling.factor <= 1 ? 1 : 0.1 * Math.log(scaling.factor) + 1);
}

/** Cosine and sine of every pair at every position. */
export interface Rotations {
  /** Shape `[L, D/2]`. */
  readonly cos: TensorValue;
  /** Shape `[L, D/2]`. */
  readonly sin: TensorValue;
}

/**
 * Cosines and sines of positions `first`, `first + 1`, ... An angle is rounded to float32 before its cosine, as
 * the checkpoints' own code does: at position 16384 that is up to 5e-4 radians.
 */
export function rotations(rope: RopeParameters, headSize: number, first: number, count: number): Rotations {
  const frequencies = inverseFrequencies(rope, headSize);
  const scale = amplitude(rope.scaling);
  const pairs = frequencies.length;
  const cos = new Float32Array(count * pairs);
  const sin = new Float32Array(count * pairs);
  for (let j = 0; j < count; j += 1) {
    for (let i = 0; i < pairs; i += 1) {
      const angle = Math.fround((first + j) * frequencies[i]!);
      cos[j * pairs + i] = Math.cos(angle) * scale;
      sin[j * pairs + i] = Math.sin(angle) * scale;
    }
  }
  const shape = [count, pairs];
  return { cos: { type: 'float32', shape, data: cos }, sin: { type: 'float32', shape, data: sin } };
}
