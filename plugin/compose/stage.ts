/** The composition root: turns a checked configuration into a running stage. */

import { ConfigurationError, fusion, type Reranker, type ScoreStep, smoothing } from '../../engine/index.ts';
import type { RerankerConfig } from '../config/reranker-schema.ts';
import type { StageConfig } from '../config/stage-schema.ts';
import type { StageAdapter } from '../stage/index.ts';
// Imported past the door: the door also loads metrics and traces, which take a command longer than its own work.
import { type RescoringStage, rescoringStage } from '../stage/stage.ts';
import { openConfigured } from './open-configured.ts';

/** A stage with the parts that it needs. */
export interface Composition<Request, Response> {
  /** Searches and reranks. */
  readonly stage: RescoringStage<Request, Response>;
  /** The reranker of the stage. */
  readonly reranker: Reranker;
  /** Closes stage, reranker and client. */
  close(): Promise<void>;
}

/** The parts that {@link composeStage} puts together. */
export interface CompositionParts<Request, Response> {
  /** Talks to the search server. */
  readonly adapter: StageAdapter<Request, Response>;
  /** Settings of the reranker. */
  readonly reranker: RerankerConfig;
  /** Settings of the stage. */
  readonly stage: StageConfig;
  /** Frees the client below the adapter. @defaultValue nothing */
  readonly closeAdapter?: () => Promise<void>;
  /** Opens the reranker. @defaultValue a reranker of its own */
  readonly openReranker?: OpenReranker | undefined;
}

/** Opens a reranker by its settings; the caller closes it. */
export type OpenReranker = (config: RerankerConfig) => Promise<Reranker>;

/**
 * Opens the reranker and a stage over an adapter.
 *
 * @throws ConfigurationError listing every faulty setting. @throws ModelFormatError when the folder holds no model.
 */
export async function composeStage<Request, Response>(
  parts: CompositionParts<Request, Response>,
): Promise<Composition<Request, Response>> {
  const { adapter, closeAdapter, openReranker: open = (config) => openConfigured(config) } = parts;
  const { fusion: weight, smoothing: field, ...settings } = parts.stage;
  const opening: { reranker?: Reranker } = {};
  const close = async (): Promise<void> => {
    await opening.reranker?.close();
    await closeAdapter?.();
  };
  try {
    assertNoSecondFusion(parts);
    const reranker = await open(parts.reranker);
    opening.reranker = reranker;
    const stage = rescoringStage({ ...settings, adapter, reranker, scoreSteps: toScoreSteps(weight, field) });
    return {
      stage,
      reranker,
      async close() {
        await stage.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws ConfigurationError for fusion or smoothing beside a router, whose rerankers are fused as they were measured. */
function assertNoSecondFusion({
  reranker,
  stage,
}: Pick<CompositionParts<unknown, unknown>, 'reranker' | 'stage'>): void {
  const path = stage.fusion ? 'fusion' : stage.smoothing ? 'smoothing' : undefined;
  if (reranker.router === undefined || path === undefined) return;
  const message =
    'expected none beside reranker.router: its rerankers are fused with the first stage as they were when they were measured; leave it out';
  throw new ConfigurationError('Cannot open the stage', [{ path: `stage.${path}`, message }]);
}

/** Left out where the file says nothing: the stage's own default uses the model's weight. */
function toScoreSteps(
  weight: StageConfig['fusion'],
  field: StageConfig['smoothing'],
): readonly ScoreStep[] | undefined {
  if (field) return [smoothing(field)];
  if (weight === undefined) return undefined;
  return weight === false ? [] : [fusion({ weight })];
}
