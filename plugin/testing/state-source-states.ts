/** Block states for the suites: small, of every shape, and always the same. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { BlockState, StateKey } from '../../engine/index.ts';

/** A key as rerankers make them. */
export function keyOf(text: string, encoder = 'an encoder'): StateKey {
  const digest = (value: string): string => createHash('sha256').update(value).digest('hex');
  return { encodingDigest: digest(encoder).slice(0, 32), textDigest: digest(text) };
}

interface Shape {
  readonly width?: number;
  readonly blockTokens?: readonly number[];
  readonly tier?: 'anchor' | 'tokens';
  readonly truncatedTokens?: number;
}

/** A state whose vectors depend on the seed. */
export function stateOf(seed: number, shape: Shape = {}): BlockState {
  const { width = 8, blockTokens = [3], tier = 'tokens', truncatedTokens = 0 } = shape;
  const count = blockTokens.reduce((sum, tokens) => sum + tokens, 0);
  return {
    width,
    blockTokens,
    anchors: unitRows(blockTokens.length, width, seed),
    ...(tier === 'tokens' && { tokens: unitRows(count, width, seed + 0.5) }),
    truncatedTokens,
  };
}

/** States of one and several blocks, of both tiers, of odd widths, and of a real model's. */
export const shapes: readonly BlockState[] = [
  stateOf(1),
  stateOf(2, { tier: 'anchor' }),
  stateOf(3, { blockTokens: [5, 1, 9], truncatedTokens: 70_000 }),
  stateOf(4, { blockTokens: [160, 160, 160, 31], tier: 'anchor' }),
  stateOf(5, { width: 5, blockTokens: [2, 3] }),
  stateOf(6, { width: 384, blockTokens: [128] }),
];

/** Asserts that a state is the one that was kept, within the precision of 8-bit integers. */
export function assertSameState(found: BlockState | undefined, kept: BlockState): void {
  assert.ok(found, 'expected the state that was kept, got none');
  const { anchors, tokens, ...rest } = found;
  const { anchors: keptAnchors, tokens: keptTokens, ...keptRest } = kept;
  assert.deepEqual(rest, keptRest);
  assertClose(anchors, keptAnchors);
  assert.equal(tokens === undefined, keptTokens === undefined, 'expected the tier that was kept');
  if (tokens && keptTokens) assertClose(tokens, keptTokens);
}

/** Half of one of the 255 symmetric steps over [-1, 1]. */
const tolerance = 1 / 254 + 1e-6;

function assertClose(found: Float32Array, kept: Float32Array): void {
  assert.equal(found.length, kept.length);
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - kept[i]!)), 0);
  assert.ok(worst <= tolerance, `expected values within ${tolerance}, got one that is ${worst} off`);
}

/** Rows of length 1. */
function unitRows(rows: number, width: number, seed: number): Float32Array {
  const result = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(1 + 7.3 * seed + i * 1.7));
  for (let row = 0; row < rows; row += 1) {
    const own = result.subarray(row * width, (row + 1) * width);
    const norm = Math.hypot(...own);
    own.forEach((value, i) => {
      own[i] = value / norm;
    });
  }
  return result;
}
