/** The states of one list of texts: those at hand, and those that come while it is read. */
import type { BlockState, ReadingEnd, StateKey, StoredStateCounts } from '../contract.ts';
import type { StateLookup } from './state-lookup.ts';
import { stateName } from './state-name.ts';
import { countStored } from './stored-state.ts';

/** States in the order of the texts, and what they cost. */
export interface EncodedTexts extends ReadTexts {
  /** One state a text. */
  readonly states: readonly BlockState[];
}

/** States of the texts that were read, and what they cost. */
export interface ReadTexts {
  /** One state a text, in the order of the texts; `undefined` for a text that was not read. */
  readonly states: readonly (BlockState | undefined)[];
  /** Texts whose state was at hand. */
  readonly statesFound: number;
  /** Texts whose state had to be encoded, here or by another request at the same time. */
  readonly statesEncoded: number;
  /** The outcomes of asking the search index; absent where it was not asked. */
  readonly storedStates?: StoredStateCounts;
  /** Why some were not read; absent where all of them were. */
  readonly stoppedBy?: ReadingEnd;
}

/** See the file's header. */
export class ListStates {
  /** Names of the states. */
  readonly keys: readonly StateKey[];
  /** The first index of each text that was not at hand, in the order of the texts. */
  readonly missing: readonly number[];
  readonly #lookup: StateLookup;
  readonly #states: (BlockState | undefined)[];
  /** All indices of each text that was not at hand, by its key's name. */
  readonly #indices: ReadonlyMap<string, readonly number[]>;

  constructor(lookup: StateLookup) {
    this.#lookup = lookup;
    this.keys = lookup.keys;
    this.#states = lookup.keys.map((_, i) => lookup.found[i]);
    this.#indices = indicesByName(lookup);
    this.missing = [...this.#indices.values()].map(([first]) => first!);
  }

  /** The states so far, one entry a text. */
  get states(): ReadTexts['states'] {
    return this.#states;
  }

  /** Takes a state that came, for every text of this name. */
  readonly take = (name: string, state: BlockState): void => {
    for (const i of this.#indices.get(name)!) this.#states[i] = state;
  };

  /** The states, and what they cost. @param stoppedBy - Why some are missing. */
  toRead(stoppedBy?: ReadingEnd): ReadTexts {
    const { found, faults } = this.#lookup;
    const statesFound = known(found);
    return {
      states: this.#states,
      statesFound,
      statesEncoded: known(this.#states) - statesFound,
      ...(faults && { storedStates: countStored(faults) }),
      ...(stoppedBy && { stoppedBy }),
    };
  }
}

const known = (states: ReadTexts['states']): number => states.filter((state) => state !== undefined).length;

function indicesByName({ keys, found }: StateLookup): ReadonlyMap<string, readonly number[]> {
  const indices = new Map<string, number[]>();
  keys.forEach((key, i) => {
    if (found[i]) return;
    const name = stateName(key, '/');
    const same = indices.get(name);
    if (same) same.push(i);
    else indices.set(name, [i]);
  });
  return indices;
}
