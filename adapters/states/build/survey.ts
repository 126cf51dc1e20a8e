/** Surveys the states of an index without encoding anything. */

import type { CallOptions } from '../../cluster/contract.ts';
import { valueAt } from '../../cluster/json.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import { shardSpans } from '../../cluster/shards.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import type { StateNames } from '../../stored-states/names.ts';
import { sidecarIndex } from '../../stored-states/names.ts';
import { type StateTargetOptions, stateTarget } from '../place/target.ts';
import { type StateStanding, standingOfState } from './page.ts';
import { SliceScan } from './scan.ts';
import { cutSlices } from './slices.ts';

/** Options of {@link surveyStates}. */
export interface SurveyOptions extends StateTargetOptions, DocumentTextOptions {
  /** Names of the encoder and form of fitting states. */
  readonly names: StateNames;
  /** Called after every page with the number of documents so far, and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The survey of an index's states. */
export interface StateSurvey {
  /** Documents that the survey looked at. */
  readonly documents: number;
  /** Documents whose state exists and fits. */
  readonly fresh: number;
  /** Documents whose state was made from another text. */
  readonly stale: number;
  /** Documents without a state. */
  readonly missing: number;
  /** Documents whose state was made by another encoder. */
  readonly foreign: number;
  /** States whose document is gone; absent where states lie in the documents. */
  readonly orphaned?: number | undefined;
  /** Bytes that the indices of states take, copies left out; absent where states lie in the documents. */
  readonly bytes?: number | undefined;
}

/** Looks at every document and its state. @throws FirstStageError when the server refuses. */
export async function surveyStates(options: SurveyOptions): Promise<StateSurvey> {
  const { names, index, place, signal, onProgress } = options;
  const { cluster, store } = stateTarget(options, options);
  const indices = await documentIndices(cluster, index, { signal });
  const spans = await shardSpans(cluster, indices, undefined, { signal });
  const total = spans.reduce((sum, { documents }) => sum + documents, 0);
  const counts: Record<StateStanding, number> = {
    fresh: 0,
    missing: 0,
    stale: 0,
    foreign: 0,
    newer: 0,
    gone: 0,
  };
  let documents = 0;
  for (const slice of cutSlices(spans, 1)) {
    const scan = new SliceScan(cluster, slice, { scanned: store.scanned, page: { documents: 500 } });
    try {
      for (let page = await scan.next(slice.after, { signal }); page.documents.length > 0; ) {
        const findings = await store.look(page.documents, { signal });
        page.documents.forEach((document, i) => {
          counts[standingOfState(document, findings[i], names)] += 1;
        });
        documents += page.documents.length;
        onProgress?.(Math.min(documents, total), total);
        page = await scan.next(page.after, { signal });
      }
    } finally {
      await scan.close();
    }
  }
  const { fresh, missing, foreign, stale, newer } = counts;
  const seen = { documents: documents - counts.gone, fresh, stale: stale + newer, missing, foreign };
  if (place.kind === 'field') return seen;
  const sidecars = indices.map(({ name }) => sidecarIndex(name, place.generation));
  const { bytes, states } = await sizeOf(cluster, sidecars, { signal });
  return { ...seen, orphaned: Math.max(0, states - (seen.documents - missing)), bytes };
}

interface SidecarSize {
  readonly bytes: number;
  readonly states: number;
}

async function sizeOf(
  cluster: Cluster,
  sidecars: readonly string[],
  options: CallOptions,
): Promise<SidecarSize> {
  let size: SidecarSize = { bytes: 0, states: 0 };
  for (const sidecar of sidecars) {
    const path = `/${encodeURIComponent(sidecar)}`;
    const asked = { what: `measure "${sidecar}"`, allowed: [403, 404], ...options };
    await cluster.ask({ method: 'POST', path: `${path}/_refresh` }, asked);
    const { body } = await cluster.ask({ method: 'GET', path: `${path}/_stats/store,docs` }, asked);
    size = {
      bytes: size.bytes + numberAt(body, ['_all', 'primaries', 'store', 'size_in_bytes']),
      states: size.states + numberAt(body, ['_all', 'primaries', 'docs', 'count']),
    };
  }
  return size;
}

function numberAt(value: unknown, path: readonly string[]): number {
  const found = valueAt(value, path);
  return typeof found === 'number' ? found : 0;
}
