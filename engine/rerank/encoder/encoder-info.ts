/** The description of a reranker over an encoder. */
import type { RerankerInfo } from '../../contract.ts';
import { infoDigest } from '../../info-digest.ts';
import type { ModelAtDepth } from '../../model/depth.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { fixedWeight } from '../../scores/fusion.ts';
import type { RelevanceRules } from '../../scores/relevance.ts';
import type { StateCodec } from '../../states/state-codec.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program.ts';
import type { KeepBounds } from './exit-choice.ts';

/** What a ranking depends on besides the model. */
export interface EncoderSettings {
  /** What the workers were given. */
  readonly data: EncoderProgramData;
  /** Where they run. */
  readonly places: EncoderPlaces;
  /** The form of new states. @defaultValue as encoded */
  readonly stateCodec?: StateCodec | undefined;
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** How documents are dropped. @defaultValue none are */
  readonly dropping?: KeepBounds | undefined;
  /** Probabilities of relevance; undefined where there are none. */
  readonly relevance?: RelevanceRules | undefined;
  /** Digest of trained parts of the readout; undefined where there are none. */
  readonly headsDigest: string | undefined;
}

/** Describes it. @param isOpen - Whether a worker answers. */
export function toInfo(
  { folder, config, loops }: ModelAtDepth,
  { data, places, stateCodec, readout, relevance, headsDigest, dropping }: EncoderSettings,
  isOpen: () => boolean,
): RerankerInfo {
  const { manifest } = folder;
  const { maxQueryTokens, ...documentCaps } = data.caps;
  return {
    name: manifest.name,
    depth: config.layers,
    ...(config.loops !== undefined && { loops: config.loops }),
    encodingDigest: infoDigest({
      model: folder.digest,
      documentCaps,
      precision: places.precision,
      // Left out by JSON where there is none: the digest is then what it was without these properties.
      residual: data.residual?.digest,
      loops,
    }),
    readoutDigest: infoDigest({
      readout,
      // Left out by JSON where there are none: the digest is then what it was without this property.
      heads: headsDigest,
      relevance,
      instruction: manifest.instruction,
      maxQueryTokens,
      tier: data.tier,
      stateCodec: stateCodec?.name,
      // Left out by JSON where nothing is dropped: the digest is then what it was without this property.
      dropping: dropping && { ...dropping, exit: data.exit?.digest },
    }),
    profile: manifest.profile,
    executionProvider: places.provider,
    languages: manifest.languages,
    takesInstructions: manifest.instruction !== '',
    fusionWeight: fixedWeight(manifest.fusionWeight),
    ...(typeof manifest.fusionWeight === 'object' && {
      predictedFusionWeight: manifest.fusionWeight.predicted,
    }),
    get ready(): boolean {
      return isOpen();
    },
  };
}
