/** Opens what the section `reranker` names: a model, or a router over several readings of it. */
import { openReranker, type Reranker, type WorkerPool } from '../../engine/index.ts';
import type { RerankerConfig } from '../config/reranker-schema.ts';
import { toRerankerOptions } from './reranker-options.ts';
import { openRouter } from './router/open-router.ts';

/**
 * Opens a reranker by its settings; the caller closes it.
 *
 * @param pool - Workers of a model that others use too; routers have their own.
 * @throws ConfigurationError for impossible settings. @throws ModelFormatError when the folder holds no model.
 */
export async function openConfigured(
  { router, ...settings }: RerankerConfig,
  pool?: WorkerPool,
): Promise<Reranker> {
  if (router !== undefined) return openRouter({ ...settings, router });
  return openReranker({ ...(await toRerankerOptions(settings)), ...(pool && { pool }) });
}
