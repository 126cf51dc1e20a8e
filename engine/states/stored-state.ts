/**
 * Reads the states that a search index keeps beside its documents. A state that does not name its encoder and text is
 * not trusted.
 */
import type { BlockState, StateKey, StoredState, StoredStateCounts, StoredVector } from '../contract.ts';
import { sharedFloats } from '../session/shared-floats.ts';
import { decodeState, type StateFault } from './codec.ts';
import type { StateCodec } from './state-codec.ts';

/** The kind of state that a reader wants. */
export interface WantedState {
  /** Values a vector. */
  readonly width: number;
  /** The wanted tier: `tokens` takes no state of anchors alone. @defaultValue any state */
  readonly tier?: 'tokens' | 'anchor' | undefined;
  /** The form whose rule must have chosen the tokens. @defaultValue all tokens kept */
  readonly codec?: StateCodec | undefined;
}

/** A stored state, or the reason why it is not the text's. */
export type ReadState =
  | { readonly state: BlockState; readonly fault?: undefined }
  | { readonly state?: undefined; readonly fault: StateFault | 'missing' };

/** Reads the state that is stored for the text of the key. */
export function readStored(stored: StoredState | undefined, key: StateKey, wanted: WantedState): ReadState {
  if (stored === undefined) return { fault: 'missing' };
  const read =
    stored instanceof Uint8Array ? decodeState(stored, key, wanted.codec) : ofVector(stored, key, wanted);
  if (read.fault) return read;
  const state = read.state.width === wanted.width ? ofTier(read.state, wanted.tier) : undefined;
  return state ? { state } : { fault: 'foreign' };
}

/** The state in the form of the tier; `undefined` where it lacks vectors that the tier needs. */
export function ofTier(
  { tokens, ...anchored }: BlockState,
  tier: 'tokens' | 'anchor' | undefined,
): BlockState | undefined {
  if (tier === 'anchor' || (!tokens && tier === undefined)) return anchored;
  return tokens ? { ...anchored, tokens } : undefined;
}

/** Counts the outcomes of stored states, given one fault or none for each candidate. */
export function countStored(faults: readonly (StateFault | 'missing' | undefined)[]): StoredStateCounts {
  const count = (wanted: StateFault | 'missing' | undefined): number =>
    faults.filter((fault) => fault === wanted).length;
  return {
    found: count(undefined),
    missing: count('missing'),
    stale: count('stale'),
    foreign: count('foreign'),
    damaged: count('damaged'),
  };
}

/** A vector does not tell how many tokens it was made from. */
const unknownTokens = 0;

function ofVector(
  { values, encodingDigest, textDigest }: StoredVector,
  key: StateKey,
  { width }: WantedState,
): ReadState {
  if (encodingDigest !== undefined && encodingDigest !== key.encodingDigest) return { fault: 'foreign' };
  if (values.length !== width) return { fault: 'foreign' };
  if (textDigest !== undefined && textDigest !== key.textDigest) return { fault: 'stale' };
  const length = Math.hypot(...values);
  if (!(length > 0 && Number.isFinite(length))) return { fault: 'damaged' };
  const anchors = sharedFloats(width);
  values.forEach((value, i) => {
    anchors[i] = value / length;
  });
  return { state: { width, blockTokens: [unknownTokens], anchors, truncatedTokens: 0 } };
}
