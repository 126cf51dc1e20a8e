/** IEEE 754 half precision. */

/** Every half as a float32: reading one is a look-up. */
const table = decodeAll();

/** By bits, since every start of a worker waits for it: ten times as fast as by powers of two. */
function decodeAll(): Float32Array {
  const words = new Uint32Array(65_536);
  const floats = new Float32Array(words.buffer);
  for (let bits = 0; bits < words.length; bits += 1) {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) floats[bits] = (sign ? -1 : 1) * 2 ** -24 * fraction;
    else if (exponent === 31) words[bits] = sign | 0x7f800000 | (fraction << 13);
    else words[bits] = sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  return floats;
}

/** The number that 16 bits stand for. */
export function halfToFloat(bits: number): number {
  return table[bits]!;
}

/** Halves as float32 numbers, into memory of the same length. */
export function widenHalves(halves: Uint16Array, into: Float32Array): void {
  for (let i = 0; i < halves.length; i += 1) into[i] = table[halves[i]!]!;
}

/** Sign bit of a half, and the bits of a float32 but its sign. */
const [halfSign, magnitude] = [0x8000, 0x7fffffff];
/** Bits of the least float32 that is a normal half, and of the first one that is none any more. */
const [leastNormal, beyondNormal] = [0x38800000, 0x47800000];
/** What the exponent of a float32 is larger by than that of a half, in a half's place. */
const exponentShift = 112 << 10;

/** Numbers as the nearest halves, halves to even, into `halves` from `at` on. Millions are written for one page of states. */
export function narrowFloats(values: Float32Array, halves: Uint16Array, at: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    const size = word & magnitude;
    const isNormal = size >= leastNormal && size < beyondNormal;
    halves[at + i] = isNormal
      ? ((word >>> 16) & halfSign) | (((size + 0xfff + ((size >>> 13) & 1)) >>> 13) - exponentShift)
      : floatToHalf(values[i]!);
  }
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The 16 bits nearest to a number, halves to even; beyond the range an infinity. */
export function floatToHalf(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent > 142) return fraction && exponent === 143 ? sign | 0x7e00 : sign | 0x7c00;
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent <= 0) return exponent < -10 ? sign : sign | roundShift(fraction | 0x800000, 14 - exponent);
  return sign | roundShift((exponent << 23) | fraction, 13);
}

/** `value / 2^shift`, to the nearest, halves to even. A carry into the exponent is right as it is. */
function roundShift(value: number, shift: number): number {
  const half = 2 ** (shift - 1);
  const whole = Math.floor(value / 2 ** shift);
  const rest = value - whole * 2 ** shift;
  return rest > half || (rest === half && whole & 1) ? whole + 1 : whole;
}
