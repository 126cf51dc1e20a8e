/** States whose documents are gone: a page of them at a time. */

import { type BulkOperation, bulk } from '../../cluster/bulk.ts';
import type { CallOptions } from '../../cluster/contract.ts';
import { addressOf, asCondition, fetchDocuments, versionOf } from '../../cluster/fetch.ts';
import type { ScannedDocument } from '../place/contract.ts';
import { noCounts } from './counts.ts';
import { buildPage, type PageResult, type PageTools } from './page.ts';

/**
 * Removes the states of a page whose documents are gone: those of the versions that were scanned, so that one written
 * meanwhile stays.
 *
 * @param states - Of the index beside.
 * @param index - The documents' own.
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

/** A document may come back while its state is removed, and be looked at just before: then nobody would look again. */
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
