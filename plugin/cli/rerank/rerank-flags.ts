/** The options of `blockrank rerank`, and the configuration that they stand for. */
import type { RerankerConfig, StageConfig } from '../../config/index.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { type ModelFlags, modelSettings } from '../model-options.ts';

/** Values of the command's options. */
export interface RerankFlags extends ConnectionFlags, ModelFlags {
  /** `--documents` */
  readonly documents?: string;
  /** `--config` */
  readonly config?: string;
  /** `--index` */
  readonly index?: string;
  /** `--field`, in order */
  readonly field?: readonly string[];
  /** `--query-field`, in order */
  readonly queryField?: readonly string[];
  /** `--field-apart`, in order */
  readonly fieldApart?: readonly string[];
  /** `--query-body` */
  readonly queryBody?: string;
  /** `--size` */
  readonly size: number;
  /** `--window` */
  readonly window?: number;
  /** `--top-n` */
  readonly topN?: number;
  /** `--min-score` */
  readonly minScore?: number;
  /** `--deadline`, in milliseconds */
  readonly deadline?: number;
  /** `--explain` */
  readonly explain?: true;
  /** `--passages` */
  readonly passages?: number;
  /** `--json` */
  readonly json?: true;
}

/** The reranker's settings: options win over the file. A single request needs no warm-up. */
export function rerankerOf(flags: RerankFlags, file: RerankerConfig = {}): RerankerConfig {
  return { warmUp: false, ...file, ...modelSettings(flags) };
}

/** The stage's settings: options win over the file. Without a file a failure of reranking is an error. */
export function stageOf(flags: RerankFlags, file?: StageConfig): StageConfig {
  const { window, topN, minScore, deadline, explain, passages } = flags;
  return {
    ...(file ?? { onFailure: 'throw' }),
    ...(window !== undefined && { rankWindowSize: window }),
    ...(topN !== undefined && { topN }),
    ...(minScore !== undefined && { minScore }),
    ...(deadline !== undefined && { deadlineMs: deadline }),
    ...(explain && { explain }),
    ...(passages !== undefined && { passages: { ...(file?.passages || {}), perHit: passages } }),
  };
}
