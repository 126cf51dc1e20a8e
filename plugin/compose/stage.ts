/** The composition root: from a checked configuration to a running stage. */

import { fusion, openReranker, type Reranker, type ScoreStep } from '../../engine/index.ts';
import type { RerankerConfig } from '../config/reranker-schema.ts';
import type { StageConfig } from '../config/schema.ts';
import type { StageAdapter } from '../stage/index.ts';
// Not by the door: behind it are metrics and traces, which cost a command more to load than its own work.
import { type RescoringStage, rescoringStage } from '../stage/stage.ts';
import { toRerankerOptions } from './reranker-options.ts';

/** A stage with all that it stands on. */
export interface Composition<Request, Response> {
  /** Searches and reranks. */
  readonly stage: RescoringStage<Request, Response>;
  /** What ranks. */
  readonly reranker: Reranker;
  /** Closes stage, reranker and client. */
  close(): Promise<void>;
}

/** What {@link composeStage} puts together. */
export interface CompositionParts<Request, Response> {
  /** Talks to the search server. */
  readonly adapter: StageAdapter<Request, Response>;
  /** Settings of the reranker. */
  readonly reranker: RerankerConfig;
  /** Settings of the stage. */
  readonly stage: StageConfig;
  /** Frees what the adapter stands on. @defaultValue nothing */
  readonly closeAdapter?: () => Promise<void>;
  /** Opens the reranker. @defaultValue a reranker of its own */
  readonly openReranker?: OpenReranker | undefined;
}

/** From settings to a reranker, which is closed by whoever asked for it. */
export type OpenReranker = (config: RerankerConfig) => Promise<Reranker>;

const openOwn: OpenReranker = async (config) => openReranker(await toRerankerOptions(config));

/**
 * Opens the reranker and a stage over an adapter.
 *
 * @throws ConfigurationError listing every setting that cannot be. @throws ModelFormatError when the model folder is none.
 */
export async function composeStage<Request, Response>(
  parts: CompositionParts<Request, Response>,
): Promise<Composition<Request, Response>> {
  const { adapter, closeAdapter, openReranker: open = openOwn } = parts;
  const { fusion: weight, ...settings } = parts.stage;
  const opening: { reranker?: Reranker } = {};
  const close = async (): Promise<void> => {
    await opening.reranker?.close();
    await closeAdapter?.();
  };
  try {
    const reranker = await open(parts.reranker);
    opening.reranker = reranker;
    const stage = rescoringStage({ ...settings, adapter, reranker, scoreSteps: toScoreSteps(weight) });
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

/** Nothing where the file says nothing: the stage's own default knows the model's weight. */
function toScoreSteps(weight: StageConfig['fusion']): readonly ScoreStep[] | undefined {
  if (weight === undefined) return undefined;
  return weight === false ? [] : [fusion({ weight })];
}
