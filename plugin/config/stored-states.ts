/** Keys of `index.states`: where the block states of the documents lie, and what they are read with. */
import type { z } from 'zod';
import type { StoredStates } from '../../adapters/server.ts';
import { stateCodec } from '../../engine/index.ts';
import { statesOptions } from '../options/index-options.ts';
import type { RerankerConfig } from './reranker-schema.ts';
import { codecName, sectionOf } from './sections.ts';

/** Where block states lie, as `blockrank states build` was told. Exactly one of `sidecar`, `field` and `vectorField`. */
export interface StatesConfig {
  /** In an index beside each index: the generation. @defaultValue none */
  readonly sidecar?: string | undefined;
  /** In the documents: the object that holds them. @defaultValue none */
  readonly field?: string | undefined;
  /** With `field`: whether they are kept as vectors. @defaultValue false */
  readonly vector?: boolean | undefined;
  /** A vector field of one's own, of the model that reranks. It is trusted. @defaultValue none */
  readonly vectorField?: string | undefined;
  /** The codec that they were built with. The reranker's `tier` and `stateCodec` follow it unless they are given. @defaultValue 'anchor-fp16' */
  readonly codec?: string | undefined;
}

/** The codec that states are built with by default. */
export const defaultStatesCodec: string = statesOptions.codec.default;

const places = ['sidecar', 'field', 'vectorField'] as const;

/** The section `index.states`. */
export const statesSection: z.ZodType<StatesConfig> = sectionOf(statesOptions, { codec: codecName }).refine(
  (value) => places.filter((place) => place in value).length === 1,
  {
    when: ({ value }) => typeof value === 'object' && value !== null,
    error: `expected exactly one of ${places.join(', ')}`,
  },
) as z.ZodType<StatesConfig>;

/** The section as an adapter's option. */
export function toStoredStates(config: StatesConfig | undefined): StoredStates | undefined {
  if (!config) return undefined;
  const { sidecar, field, vector, vectorField } = config;
  if (sidecar !== undefined) return { kind: 'sidecar', generation: sidecar };
  if (vectorField !== undefined) return { kind: 'vector', field: vectorField };
  return { kind: 'field', field, vector };
}

/** The settings of a reranker that reads the stored states, and encodes new states in the same form. */
export function readingStored(reranker: RerankerConfig, states: StatesConfig | undefined): RerankerConfig {
  if (!states) return reranker;
  const { codec = defaultStatesCodec } = states;
  return {
    ...reranker,
    tier: reranker.tier ?? stateCodec(codec).tier,
    stateCodec: reranker.stateCodec ?? codec,
  };
}
