/** A decoder opened for training. */
import { InContextPrompts, toChatFrame } from '../../../blocks/in-context-prompt.ts';
import { blockRankTemplate } from '../../../blocks/prompt-templates.ts';
import { ConfigurationError, type ConfigurationIssue } from '../../../errors.ts';
import { type DecoderFolder, openDecoderFolder } from '../../../model/decoder-folder.ts';
import type { DecoderCaps, SignalScoring } from '../../../model/decoder-manifest.ts';
import { ggufPath } from '../../../model/gguf-path.ts';
import { readPromptTools } from '../../../model/prompt-tools.ts';

/** Parts of a layer that get low-rank matrices. */
export const projectionNames = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;

/** A matrix of a decoder's layer. */
export type DecoderProjection = (typeof projectionNames)[number];

/** Low-rank matrices beside frozen ones. Source: Hu et al., LoRA (arXiv:2106.09685). */
export interface LowRankOptions {
  /** Inner width of the pair of matrices, `r`, at least 1. */
  readonly rank: number;
  /** Their product is multiplied by `alpha / rank`. @defaultValue twice the rank */
  readonly alpha?: number | undefined;
  /** Which projections. @defaultValue those of attention: q, k, v, o */
  readonly projections?: readonly DecoderProjection[] | undefined;
}

/** What of which decoder is trained, and how its lists are read. */
export interface DecoderTraineeOptions {
  /** Folder of a checkpoint. */
  readonly model: string;
  /** Low-rank matrices are trained and all else stays. @defaultValue the decoder's own weights are trained */
  readonly lowRank?: LowRankOptions | undefined;
  /**
   * Layers that are trained, from the bottom, 0 first; then embeddings and the last norm stay. @defaultValue all that the
   * losses depend on, embeddings among them
   */
  readonly layers?: readonly number[] | undefined;
  /** Where scores are read. @defaultValue the model's; for one that was not trained to rank, the layer at 20/32 of the depth */
  readonly scoring?: Partial<Omit<SignalScoring, 'method'>> | undefined;
  /**
   * Whether there is the loss `nextToken`, for which every layer is computed. Without it, only what scores depend on is
   * computed and trained. With it, a training must give it a weight. @defaultValue true
   */
  readonly nextToken?: boolean | undefined;
  /** Temperature of the loss `blockRank`, > 0. @defaultValue 0.05, the paper's */
  readonly tau?: number | undefined;
  /** Token budgets in training. @defaultValue the model's */
  readonly caps?: Partial<DecoderCaps> | undefined;
  /** Draws the first numbers of low-rank matrices. @defaultValue 1 */
  readonly seed?: number | undefined;
}

/** See the file's header. */
export interface DecoderModel {
  /** The checkpoint. */
  readonly folder: DecoderFolder;
  /** Makes prompts. */
  readonly prompts: InContextPrompts;
  /** Where scores are read, in training and in what is saved. */
  readonly scoring: SignalScoring;
}

/** Share of the layers below the one that the paper scores at: 20 of 32. */
const scoringShare = 20 / 32;
const defaultQueryPosition = 16_384;

/** @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is none of a decoder. */
export async function openDecoderModel(options: DecoderTraineeOptions): Promise<DecoderModel> {
  if (ggufPath(options.model)) {
    const message =
      'expected the folder of a checkpoint, got a GGUF file, which trained weights cannot be written to';
    throw new ConfigurationError('Cannot train a decoder', [{ path: 'model', message }]);
  }
  const folder = await openDecoderFolder(options.model);
  const { config, manifest } = folder;
  const known = manifest.scoring.method === 'signal-tokens' ? manifest.scoring : undefined;
  const scoring: SignalScoring = {
    method: 'signal-tokens',
    layer: Math.min(config.layers - 1, Math.round(config.layers * scoringShare)),
    signalTokens: 2,
    queryPosition: defaultQueryPosition,
    ...known,
    ...options.scoring,
  };
  assertOptions(options, scoring, config.layers);
  const { tokenizer, chat } = await readPromptTools(folder.path);
  const caps = { ...manifest.caps, ...options.caps, truncation: manifest.truncation };
  return {
    folder,
    scoring,
    prompts: new InContextPrompts(tokenizer, blockRankTemplate(toChatFrame(chat)), caps),
  };
}

function assertOptions(
  { layers, lowRank, tau = 1, nextToken = true }: DecoderTraineeOptions,
  { layer: scoringLayer }: SignalScoring,
  depth: number,
): void {
  const issues: ConfigurationIssue[] = [];
  const tell = (path: string, message: string): unknown => issues.push({ path, message });
  if (!isLayer(scoringLayer, depth)) tell('scoring.layer', `expected 0 to ${depth - 1}, got ${scoringLayer}`);
  const most = nextToken ? depth : Math.min(depth, scoringLayer + 1);
  if (layers && !(layers.length > 0 && layers.every((layer) => isLayer(layer, most)))) {
    tell('layers', `expected whole numbers from 0 to ${most - 1}, got ${layers.join(', ') || 'none'}`);
  }
  if (lowRank && !(Number.isInteger(lowRank.rank) && lowRank.rank >= 1)) {
    tell('lowRank.rank', `expected a whole number from 1, got ${lowRank.rank}`);
  }
  if (lowRank?.projections?.length === 0) tell('lowRank.projections', 'expected at least one');
  if (!(tau > 0)) tell('tau', `expected a number above 0, got ${tau}`);
  if (issues.length > 0) throw new ConfigurationError('Cannot train a decoder', issues);
}

const isLayer = (layer: number, depth: number): boolean =>
  Number.isInteger(layer) && layer >= 0 && layer < depth;
