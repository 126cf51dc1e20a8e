/** Reads a search pipeline: its rerank processor, its model, and whether an installation made it. */
import type { OpenSearchState, Pipeline } from './state.ts';

/** The part of a rerank processor that an installation reads. */
export interface RerankProcessor {
  /** Whether a failure keeps the first stage's order. */
  readonly ignore_failure?: boolean;
  /** The model that the processor asks. */
  readonly ml_opensearch?: { readonly model_id?: string };
  /** The fields that the processor gives the model to read. */
  readonly context?: { readonly document_fields?: readonly string[] };
}

/** A pipeline's rerank processor. */
export function rerankOf(pipeline: Pipeline): RerankProcessor | undefined {
  const processors = (pipeline['response_processors'] ?? []) as readonly { rerank?: RerankProcessor }[];
  return processors.find(({ rerank }) => rerank)?.rerank;
}

/** The model that a pipeline asks. */
export function modelOf(pipeline: Pipeline): string | undefined {
  return rerankOf(pipeline)?.ml_opensearch?.model_id;
}

/** Whether an installation made it. */
export function isOurs(pipeline: Pipeline): boolean {
  return String(pipeline['description']).startsWith('Made by blockrank ');
}

/** Names of the other pipelines that name a model, in any processor. */
export function otherUsersOf(
  { pipelines }: Pick<OpenSearchState, 'pipelines'>,
  modelId: string,
  own: string,
): string[] {
  return Object.keys(pipelines).filter(
    (name) => name !== own && JSON.stringify(pipelines[name]).includes(JSON.stringify(modelId)),
  );
}
