/** Removes states whose documents are gone, page by page. */

import { type BulkOperation, bulk } from '../../cluster/bulk.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { addressOf, asCondition, fetchDocuments, versionOf } from '../../cluster/fetch.ts';
import type { ScannedDocument } from '../place/contract.ts';
import { noCounts } from './counts.ts';
import { buildPage, type PageResult, type PageTools } from './page.ts';

/**
 * Removes the states of a page whose documents are gone: only in the versions that were scanned, so that a state
 * written meanwhile stays.
 *
 * @param states - The page, from the index beside.
 * @param index - The documents' own index.
 */
export async function sweepPage(
  states: readonly ScannedDocument[],
  index: string,
  tools: PageTools,
  { signal }: CallOptions,
): Promise<PageResult> {
  const { cluster } = tools;
  const found = await fetchDocuments(cluster, states.map(documentOf(index)), { source: [], signal });
  const orphans = states.filter((_, i) => !found[i]);
  const outcomes = await bulk(cluster, orphans.map(toDeletion));
  const removed = orphans.filter((_, i) => outcomes[i] === 'written');
  await buildReborn(removed, index, tools);
  return { counts: { ...noCounts, orphans: removed.length } };
}

/**
 * Builds the states of documents that came back while their states were removed: a worker may have looked at such a
 * document just before, and would not look again.
 */
async function buildReborn(
  states: readonly ScannedDocument[],
  index: string,
  tools: PageTools,
): Promise<void> {
  const targets = states.map(documentOf(index));
  const found = await fetchDocuments(tools.cluster, targets, { source: tools.store.scanned });
  const reborn = targets.flatMap((target, i): ScannedDocument[] => {
    const hit = found[i];
    return hit ? [{ ...target, ...versionOf(hit), hit }] : [];
  });
  if (reborn.length > 0) await buildPage(reborn, tools);
}

function documentOf(
  index: string,
): (state: ScannedDocument) => Pick<ScannedDocument, 'index' | 'id' | 'routing'> {
  return ({ id, routing }) => ({ index, id, ...(routing !== undefined && { routing }) });
}

function toDeletion(state: ScannedDocument): BulkOperation {
  return { action: 'delete', target: { ...addressOf(state), ...asCondition(state) } };
}
