/** `blockrank.json` of a decoder: says how the checkpoint was trained to rank, or how to read it without training. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import type { DecoderConfig } from '../network/decoder-config.ts';
import { readJson } from './read-json.ts';

/** BlockRank's own readout: signal tokens at one layer, softmax over document tokens only. */
export interface SignalScoring {
  /** The readout. */
  readonly method: 'signal-tokens';
  /** 0-based layer whose logits are read; layers above it are never computed. */
  readonly layer: number;
  /** 1: the answer's opening token; 2: also the one before it. */
  readonly signalTokens: 1 | 2;
  /** Position of the query block's first token. */
  readonly queryPosition: number;
}

/** A run of layers. */
export interface LayerRange {
  /** The first layer, 0-based. */
  readonly from: number;
  /** The layer after the last, 0-based. */
  readonly to: number;
}

/** Token budgets of a decoder's prompt. */
export interface DecoderCaps {
  /** Tokens of one document block, 48 or more. */
  readonly maxDocumentTokens: number;
  /** Tokens of the query's own words. */
  readonly maxQueryTokens: number;
}

/** In-context reranking without training: the query block's attention over layers and heads. */
export interface IcrScoring {
  /** The readout. */
  readonly method: 'icr';
  /** Layers read. */
  readonly layers: LayerRange;
  /** Pairs of layer and head that count; absent: every head of those layers. */
  readonly heads?: readonly (readonly [number, number])[] | undefined;
  /** Whether attention of the content-free query `N/A` is subtracted. */
  readonly calibration: boolean;
  /**
   * `causal`: each document sees the documents before it, as published; `blocks`: no document sees another, at linear
   * cost.
   */
  readonly context: 'causal' | 'blocks';
}

/** A decoder's manifest. */
export interface DecoderManifest {
  /** The model's name, for reports. */
  readonly name: string;
  /** Languages the model reads, ISO 639-1. */
  readonly languages: readonly string[];
  /** Tokens of a document's block and of the query's own words. */
  readonly caps: DecoderCaps;
  /** How blocks that are too long are cut: see `PromptCaps`. */
  readonly truncation: 'text' | 'block';
  /** How scores are read. */
  readonly scoring: SignalScoring | IcrScoring;
  /** Share of a lexical first stage in the fused order, in [0, 1]. */
  readonly fusionWeight: number;
}

const count = z.int().min(1);
const index = z.int().min(0);
const scoringSchema = z.discriminatedUnion('method', [
  z.object({
    method: z.literal('signal-tokens'),
    layer: index,
    signalTokens: z.union([z.literal(1), z.literal(2)]).default(2),
    queryPosition: count.default(16_384),
  }),
  z.object({
    method: z.literal('icr'),
    layers: z.object({ from: index, to: count }),
    heads: z
      .array(z.tuple([index, index]))
      .min(1)
      .optional(),
    calibration: z.boolean().default(true),
    context: z.enum(['causal', 'blocks']).default('causal'),
  }),
]);
const manifestSchema = z.object({
  formatVersion: z.literal(1),
  name: z.string(),
  family: z.literal('decoder'),
  profile: z.literal('in-context'),
  languages: z.array(z.string()).default(['en']),
  caps: z
    .object({ maxDocumentTokens: z.int().min(48).default(384), maxQueryTokens: count.default(128) })
    .default({ maxDocumentTokens: 384, maxQueryTokens: 128 }),
  truncation: z.enum(['text', 'block']).default('text'),
  scoring: scoringSchema,
  fusionWeight: z.number().min(0).max(1).default(0),
});

/** The fewest tokens that hold a document's id, twice, and some words. */
export const leastDocumentTokens = 48;

/**
 * Reads a folder's `blockrank.json`; a folder without one is read without training, over all layers and heads.
 *
 * @param name - Name of a model whose manifest gives none.
 * @throws ModelFormatError naming every problem.
 */
export async function readDecoderManifest(
  folder: string,
  config: DecoderConfig,
  name: string = basename(folder),
): Promise<DecoderManifest> {
  const path = join(folder, 'blockrank.json');
  if (!existsSync(path)) return untrainedManifest(name, config);
  const parsed = manifestSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw new ModelFormatError({
      path,
      expected: "a decoder's manifest of format version 1",
      found: problems.join('; '),
    });
  }
  assertScoring(parsed.data.scoring, config, path);
  return parsed.data;
}

/** A manifest as `blockrank.json` keeps it. */
export function toDecoderManifestJson(manifest: DecoderManifest): object {
  return { formatVersion: 1, family: 'decoder', profile: 'in-context', ...manifest };
}

/** The manifest of a checkpoint that has none: read without training. */
export function untrainedManifest(name: string, { layers }: DecoderConfig): DecoderManifest {
  return {
    name,
    languages: ['en'],
    caps: { maxDocumentTokens: 384, maxQueryTokens: 128 },
    truncation: 'text',
    scoring: { method: 'icr', layers: { from: 0, to: layers }, calibration: true, context: 'causal' },
    fusionWeight: 0,
  };
}

function assertScoring(
  scoring: DecoderManifest['scoring'],
  { layers, heads }: DecoderConfig,
  path: string,
): void {
  const problems: string[] = [];
  if (scoring.method === 'signal-tokens') {
    if (scoring.layer >= layers) problems.push(`scoring.layer ${scoring.layer} of ${layers} layers`);
  } else {
    const { from, to } = scoring.layers;
    if (from >= to || to > layers) problems.push(`scoring.layers ${from} to ${to} of ${layers} layers`);
    for (const [layer, head] of scoring.heads ?? []) {
      if (layer < from || layer >= to || head >= heads) problems.push(`scoring.heads [${layer}, ${head}]`);
    }
  }
  if (problems.length === 0) return;
  throw new ModelFormatError({
    path,
    expected: 'layers and heads that the network has',
    found: problems.join('; '),
  });
}
