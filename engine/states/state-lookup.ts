/** Looks for states of texts: in what the search index keeps, and in a source. */
import type { BlockState, StateKey, StateSource, StoredState } from '../contract.ts';
import { textDigest } from '../text-digest.ts';
import type { StateCodec } from './state-codec.ts';
import { ofTier, type ReadState, readStored } from './stored-state.ts';

/** Where {@link lookUpStates} looks, and for what. */
export interface LookupOptions {
  /** Names the encoder in keys. */
  readonly encodingDigest: string;
  /**
   * Names of encoders that read fewer blocks of a document and differ in nothing else: their states of texts that they
   * did not cut are read as this encoder's own. @defaultValue none
   */
  readonly wholeTextDigests?: readonly string[];
  /** Values a vector. */
  readonly width: number;
  /** The source in which states are sought and kept. */
  readonly source: StateSource;
  /**
   * The wanted tier: `tokens` takes no state of anchors alone from the source, `anchor` reads the anchors of any state.
   * @defaultValue whatever the source has
   */
  readonly tier?: 'tokens' | 'anchor';
  /** The form whose rule must have chosen a stored state's tokens. @defaultValue all tokens kept */
  readonly codec?: StateCodec;
}

/** Texts whose states are sought. */
export interface SoughtTexts {
  /** The texts. */
  readonly texts: readonly string[];
  /** What a search index keeps for each. @defaultValue no index was asked */
  readonly stored?: readonly (StoredState | undefined)[] | undefined;
  /** Their tenant. @defaultValue none */
  readonly tenant?: string | undefined;
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Which states of texts are at hand, one entry a text. */
export interface StateLookup {
  /** Names of the states. */
  readonly keys: readonly StateKey[];
  /** The states at hand. */
  readonly found: readonly (BlockState | undefined)[];
  /** Why the index' states are not the texts'; absent where no index was asked. */
  readonly faults?: readonly ReadState['fault'][] | undefined;
}

/** Looks for the states of texts; the source is asked for those that the index does not have. */
export async function lookUpStates(
  { texts, stored, tenant, signal }: SoughtTexts,
  options: LookupOptions,
): Promise<StateLookup> {
  signal?.throwIfAborted();
  const { encodingDigest } = options;
  const keys = texts.map(
    (text): StateKey => ({
      encodingDigest,
      textDigest: textDigest(text),
      ...(tenant !== undefined && { tenant }),
    }),
  );
  const read = stored && keys.map((key, i) => storedFor(key, stored[i], options));
  const found = await withSource(keys, read?.map(({ state }) => state) ?? [], options);
  signal?.throwIfAborted();
  return { keys, found, ...(read && { faults: read.map(({ fault }) => fault) }) };
}

/** Reads what the index keeps for a text; see {@link LookupOptions.wholeTextDigests}. */
function storedFor(key: StateKey, stored: StoredState | undefined, options: LookupOptions): ReadState {
  const own = readStored(stored, key, options);
  if (own.fault !== 'foreign') return own;
  const others = (options.wholeTextDigests ?? []).map((encodingDigest) =>
    readStored(stored, { ...key, encodingDigest }, options),
  );
  return others.find(({ state }) => state?.truncatedTokens === 0) ?? own;
}

/** The states that the index has, and those that the source has of the rest. */
async function withSource(
  keys: readonly StateKey[],
  atHand: readonly (BlockState | undefined)[],
  { source, tier, wholeTextDigests = [] }: LookupOptions,
): Promise<readonly (BlockState | undefined)[]> {
  const missing = [...keys.keys()].filter((i) => !atHand[i]);
  if (missing.length === 0) return atHand;
  const kept = await source.getMany(missing.map((i) => keys[i]!));
  const found = keys.map((_, i) => atHand[i]);
  missing.forEach((i, m) => {
    const state = kept[m];
    found[i] = state && ofTier(state, tier);
  });
  for (const encodingDigest of wholeTextDigests) {
    const still = missing.filter((i) => !found[i]);
    if (still.length === 0) break;
    const whole = await source.getMany(still.map((i) => ({ ...keys[i]!, encodingDigest })));
    still.forEach((i, m) => {
      const state = whole[m];
      found[i] = state?.truncatedTokens === 0 ? ofTier(state, tier) : undefined;
    });
  }
  return found;
}
