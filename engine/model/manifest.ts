/** `blockrank.json`: the description of a model folder beside the Hugging Face files. */
import { join } from 'node:path';
import * as z from 'zod';
import { type BlockCaps, defaultCaps } from '../blocks/caps.ts';
import type { FusionWeight, Profile } from '../contract.ts';
import { ModelFormatError } from '../errors.ts';
import type { ReadoutParameters } from '../readout/parameters.ts';
import type { PrecedentKernel } from '../readout/precedents.ts';
import { fusionFeatureNames } from '../scores/fusion-features.ts';
import { hitFeatureNames, listFeatureNames, type RelevanceRules } from '../scores/relevance.ts';
import { readJson } from './read-json.ts';

/** A model's manifest. */
export interface ModelManifest {
  /** Version of this file's form; this build reads 1. */
  readonly formatVersion: 1;
  /** The model's name, for reports. */
  readonly name: string;
  /** The family of the network. */
  readonly family: 'encoder';
  /** How documents are read; of `in-context`, they see the query in the layers that have gates. */
  readonly profile: Profile;
  /** Languages the model reads, ISO 639-1. */
  readonly languages: readonly string[];
  /** The text before the query's own words in the query block; may be empty. */
  readonly instruction: string;
  /** Token budgets. */
  readonly caps: BlockCaps;
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Share of a lexical first stage in the fused order with which the readout was tuned, or the rule that predicts it. */
  readonly fusionWeight: FusionWeight;
  /** Probabilities of relevance at the full depth. @defaultValue none: the readout's `calibration` of cosines */
  readonly relevance?: RelevanceRules | undefined;
  /** Smaller depths at which the model can be read, by the number of layers whose work they do. @defaultValue `{}` */
  readonly depths: Readonly<Record<string, DepthManifest>>;
  /** File beside the manifest with trained parts of the readout. @defaultValue none */
  readonly heads?: string | undefined;
  /** File beside the manifest with judged queries, and what they weigh at the full depth. @defaultValue none */
  readonly precedents?:
    | (PrecedentKernel & {
        /** The file's name. */
        readonly file: string;
      })
    | undefined;
  /** Name of the residual, among those in the folder `residuals`, that is read where none is asked for. @defaultValue none */
  readonly residual?: string | undefined;
  /** File beside the manifest with the gates of the `in-context` profile, which alone has them. */
  readonly gates?: string | undefined;
}

/** A depth of a model: fewer or narrower layers that stand in for all of its layers. */
export interface DepthManifest {
  /** Name of the safetensors file, in the model's folder, that holds these layers as `encoder.layer.0` and so on: as many as the depth says of the model's own width, or up to all of its number with fewer heads and inner values. */
  readonly weights: string;
  /** Reading and scoring at this depth. @defaultValue the model's */
  readonly readout?: ReadoutParameters | undefined;
  /** As the model's, at this depth. @defaultValue the model's */
  readonly fusionWeight?: FusionWeight | undefined;
  /** Probabilities of relevance at this depth, whose cosines are others than the model's. @defaultValue none */
  readonly relevance?: RelevanceRules | undefined;
  /** Says that queries are read by all of the model's layers, over documents that are read by these. @defaultValue by these too */
  readonly queries?: 'full-depth' | undefined;
  /** Says that its anchors can tell which documents are worth reading at a larger depth. @defaultValue it cannot */
  readonly dropping?: DroppingManifest | undefined;
}

/** How a smaller depth tells which documents are worth reading. */
export interface DroppingManifest {
  /** The first stage's share in the choice of documents, in [0, 1]. */
  readonly firstStageWeight: number;
}

const positive = z.number().positive();
const count = z.int().min(1);
const share = z.number().min(0).max(1);
const fusionSchema = z.union([
  share,
  z.object({
    predicted: z.object({
      bias: z.number(),
      coefficients: z.partialRecord(z.enum(fusionFeatureNames), z.number()),
    }),
  }),
]);
const readoutSchema = z.object({
  alpha: z.number().min(0),
  readingTau: positive,
  readingSteps: z.int().min(0),
  anchorTau: positive,
  tokenTau: positive,
  tokenWeight: z.number().min(0),
  pooling: z.enum(['arithmetic', 'geometric']),
  blockJoin: z.enum(['sum', 'max']),
  duplicateCosine: z.number().gt(0).max(1),
  calibration: z.object({ slope: z.number(), intercept: z.number() }),
});
const listRuleSchema = z.object({
  bias: z.number(),
  coefficients: z.partialRecord(z.enum(listFeatureNames), z.number()),
});

const relevanceSchema = z.object({
  hit: z.object({ bias: z.number(), coefficients: z.partialRecord(z.enum(hitFeatureNames), z.number()) }),
  list: listRuleSchema.optional(),
  lexicalList: listRuleSchema.optional(),
});
const besideFile = z
  .string()
  .regex(/^[\w-][\w.-]*\.safetensors$/, 'expected the name of a .safetensors file in this folder');
const layerKey = z.string().regex(/^[1-9]\d*$/);
const notLayers = {
  error: ({ code }: { readonly code?: string }) =>
    code === 'invalid_key' ? 'expected a number of layers' : undefined,
};
const manifestFields = z.object({
  formatVersion: z.literal(1),
  name: z.string(),
  family: z.literal('encoder'),
  profile: z.enum(['cacheable', 'in-context']),
  languages: z.array(z.string()),
  instruction: z.string(),
  caps: z.object({
    maxDocumentTokens: count.min(8).default(defaultCaps.maxDocumentTokens),
    maxDocumentBlocks: count.default(defaultCaps.maxDocumentBlocks),
    blockOverlapTokens: z.int().min(0).default(defaultCaps.blockOverlapTokens),
    maxQueryTokens: count.default(defaultCaps.maxQueryTokens),
  }),
  readout: readoutSchema,
  fusionWeight: fusionSchema,
  relevance: relevanceSchema.optional(),
  depths: z
    .record(
      layerKey,
      z.object({
        weights: z
          .string()
          .regex(/^[^/\\]+\.safetensors$/, 'expected the name of a safetensors file of the folder'),
        readout: readoutSchema.optional(),
        fusionWeight: fusionSchema.optional(),
        queries: z.literal('full-depth').optional(),
        dropping: z.object({ firstStageWeight: share }).optional(),
        relevance: relevanceSchema.optional(),
      }),
      notLayers,
    )
    .default({}),
  heads: besideFile.optional(),
  precedents: z
    .object({ file: besideFile, weight: z.number().min(0), bandwidth: positive, prior: positive })
    .optional(),
  residual: z
    .string()
    .regex(/^\w[\w-]*$/)
    .optional(),
  gates: besideFile.optional(),
});
const manifestSchema = manifestFields.superRefine(({ profile, gates, depths }, context) => {
  const tell = (path: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], message });
  if (profile === 'in-context' && gates === undefined)
    tell('gates', 'expected the file of the gates of the profile in-context');
  if (profile === 'cacheable' && gates !== undefined)
    tell('gates', 'expected none with the profile cacheable');
  if (profile === 'in-context' && Object.keys(depths).length > 0)
    tell('depths', 'expected none with the profile in-context');
});

/** Reads and checks a folder's `blockrank.json`. @throws ModelFormatError naming every problem. */
export async function readManifest(folder: string): Promise<ModelManifest> {
  const path = join(folder, 'blockrank.json');
  const parsed = manifestSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
  throw new ModelFormatError({
    path,
    expected: 'a manifest of format version 1',
    found: problems.join('; '),
  });
}
