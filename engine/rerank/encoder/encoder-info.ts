/** The description of a reranker over an encoder. */
import type { BlockCaps } from '../../blocks/caps.ts';
import type { RerankerInfo } from '../../contract.ts';
import { infoDigest } from '../../info-digest.ts';
import type { ModelAtDepth } from '../../model/depth.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import type { PrecedentKernel } from '../../readout/precedents.ts';
import { fixedWeight } from '../../scores/fusion.ts';
import type { RelevanceRules } from '../../scores/relevance.ts';
import type { StateCodec } from '../../states/state-codec.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program-data.ts';
import type { KeepBounds } from './guess-choice.ts';
import type { StoppingBounds } from './stopping.ts';

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
  /** When reading stops. @defaultValue all is read */
  readonly stopping?: StoppingBounds | undefined;
  /** Probabilities of relevance; undefined where there are none. */
  readonly relevance?: RelevanceRules | undefined;
  /** Digest of trained parts of the readout; undefined where there are none. */
  readonly headsDigest: string | undefined;
  /** Digest of judged queries, and what they weigh. @defaultValue none */
  readonly precedents?: (PrecedentKernel & { readonly digest: string }) | undefined;
}

/**
 * Blocks of one document that encoders read by default before they read 8,192 tokens. Such an encoder's state of a text
 * that it did not cut is the same to the last bit.
 */
const earlierMaxDocumentBlocks = 4;

/**
 * Digests of encoders that differ from this one in how many blocks of a document they read, and in nothing else, and
 * read fewer.
 */
export function wholeTextDigests(model: ModelAtDepth, settings: EncoderSettings): readonly string[] {
  const { caps } = settings.data;
  if (caps.maxDocumentBlocks <= earlierMaxDocumentBlocks) return [];
  return [encodingDigestOf(model, settings, { ...caps, maxDocumentBlocks: earlierMaxDocumentBlocks })];
}

function encodingDigestOf(
  { folder, loops }: ModelAtDepth,
  { data, places }: EncoderSettings,
  { maxQueryTokens: _, ...documentCaps }: BlockCaps,
): string {
  return infoDigest({
    model: folder.digest,
    documentCaps,
    precision: places.precision,
    // Left out by JSON where there is none: the digest is then what it was without these properties.
    residual: data.residual?.digest,
    loops,
  });
}

/** Describes it. @param isOpen - Whether a worker answers. */
export function toInfo(model: ModelAtDepth, settings: EncoderSettings, isOpen: () => boolean): RerankerInfo {
  const { folder, config, depth } = model;
  const { data, places, stateCodec, readout, relevance, headsDigest, precedents, dropping, stopping } =
    settings;
  const { manifest } = folder;
  return {
    name: manifest.name,
    depth,
    ...(config.loops !== undefined && { loops: config.loops }),
    encodingDigest: encodingDigestOf(model, settings, data.caps),
    readoutDigest: infoDigest({
      readout,
      // Left out by JSON where there are none: the digest is then what it was without this property.
      heads: headsDigest,
      precedents,
      relevance,
      instruction: manifest.instruction,
      maxQueryTokens: data.caps.maxQueryTokens,
      tier: data.tier,
      // Left out by JSON where queries are multiplied as documents are: the digest is then what it was without this property.
      queryPrecision: places.queryPrecision === places.processorPrecision ? undefined : places.queryPrecision,
      // The same of queries that are read at the documents' depth.
      queryModel: model.queries?.folder.digest,
      stateCodec: stateCodec?.name,
      // Left out by JSON where nothing is dropped: the digest is then what it was without this property.
      dropping: dropping && {
        ...dropping,
        model: data.guessing?.modelDigest,
        firstStageWeight: data.guessing?.firstStageWeight,
      },
      // The same of a list that is read to its end.
      stopping,
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
