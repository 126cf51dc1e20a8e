/**
 * The writing side of `index.states`: tells which states a configuration's searches will read, and writes the section.
 */
import { defaultStateField, type StatePlace } from '../../adapters/server.ts';
import {
  ConfigurationError,
  type ConfigurationIssue,
  decodeState,
  encodeState,
  type StateCodec,
  stateCodec,
} from '../../engine/index.ts';
import type { RerankerConfig } from './reranker-schema.ts';
import type { BlockRankConfig } from './schema.ts';
import { defaultStatesCodec, type StatesConfig } from './stored-states.ts';

/**
 * Checks that searches by this configuration would read the states of a codec, once `index.states` names it.
 *
 * @throws ConfigurationError naming every key that keeps searches from reading them.
 */
export function assertReads(
  { index, reranker }: Pick<BlockRankConfig, 'index' | 'reranker'>,
  codec: string,
): void {
  const issues = [
    ...(index.highlight
      ? [{ path: 'index.highlight', message: 'leave it out: states are of whole texts' }]
      : []),
    ...readingIssues(reranker, stateCodec(codec)),
  ];
  if (issues.length > 0)
    throw new ConfigurationError(`Cannot build states "${codec}" for this configuration`, issues);
}

/** The section `index.states` for states in this place. */
export function toStatesConfig(place: StatePlace, codec: string): StatesConfig {
  if (place.kind === 'sidecar') return { sidecar: place.generation, codec };
  return { field: place.field ?? defaultStateField, ...(place.vector && { vector: true }), codec };
}

/** Whether two sections send searches to the same states. */
export function isSameStates(one: StatesConfig | undefined, other: StatesConfig | undefined): boolean {
  return (
    one !== undefined && other !== undefined && JSON.stringify(whole(one)) === JSON.stringify(whole(other))
  );
}

function whole({
  sidecar,
  field,
  vector = false,
  vectorField,
  codec = defaultStatesCodec,
}: StatesConfig): unknown {
  return [sidecar, field, vector, vectorField, codec];
}

function readingIssues({ tier, stateCodec: name }: RerankerConfig, built: StateCodec): ConfigurationIssue[] {
  const reader = name === undefined ? built : stateCodec(name);
  const advice = 'leave it out: it follows index.states.codec';
  if (tier !== undefined && tier !== reader.tier) {
    return [
      { path: 'reranker.tier', message: `is "${tier}", which does not go with "${reader.name}"; ${advice}` },
    ];
  }
  if (reader.tier === (tier ?? built.tier) && reads(reader, built)) return [];
  return [{ path: 'reranker.stateCodec', message: `"${reader.name}" reads none of these states; ${advice}` }];
}

/** Whether one codec can read the states of another, asked of the codecs themselves. */
function reads(reader: StateCodec, built: StateCodec): boolean {
  const key = { encodingDigest: '', textDigest: '' };
  const [anchors, tokens] = [Float32Array.of(1), Float32Array.of(1)];
  const state = { width: 1, blockTokens: [1], anchors, tokens, truncatedTokens: 0 };
  return decodeState(encodeState(key, state, built), key, reader).fault === undefined;
}
