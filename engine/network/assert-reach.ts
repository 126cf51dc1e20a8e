/** How far a decoder's attention reaches. */
import { ModelFormatError } from '../errors.ts';
import type { DecoderConfig } from './decoder-config.ts';

/**
 * Refuses a network whose attention does not reach as far as a request needs.
 *
 * @param layers - Layers that the request computes, from the first.
 * @param distance - The farthest that a token looks back, in positions.
 * @throws ModelFormatError when a layer's window is shorter.
 */
export function assertReach(config: DecoderConfig, layers: number, distance: number, path: string): void {
  const { window } = config;
  if (!window || window.fromLayer >= layers || distance < window.positions) return;
  throw new ModelFormatError({
    path,
    expected: `attention that reaches back ${distance} positions in the first ${layers} layers`,
    found: `a sliding window of ${window.positions} positions from layer ${window.fromLayer} on`,
  });
}
