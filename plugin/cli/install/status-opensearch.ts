/** The status of an installation in OpenSearch. */
import {
  answerTimeoutMs,
  type OpenSearchStatus,
  openSearchStatus,
  type PipelineCounts,
  type Probe,
  probeReranking,
  readOpenSearchState,
  readPipelineCounts,
} from '../../../adapters/opensearch/index.ts';
import type { StatusReport, StatusSubject } from './status-report.ts';

/** The meaning of each outcome of a probe, in words. */
export const outcomeTexts: Readonly<Record<Probe['outcome'], string>> = {
  reranked: 'searches are reranked',
  swallowed: 'SEARCHES ARE NOT RERANKED: the reranker failed and the pipeline passed it over',
  failed: 'SEARCHES FAIL',
  unknown: 'UNKNOWN: hits came back, and no rerank processor was seen to run',
  'no-hits': 'unknown: the index gave no hits; the model answers',
  'model-only': 'the model answers; give --index to probe a search',
  'model-failed': 'THE MODEL DOES NOT ANSWER',
};

/** Reports the status: reads the cluster, and probes a search. */
export async function openSearchReport({
  calls,
  flags,
  service,
  signal,
}: StatusSubject): Promise<StatusReport> {
  const { name, index, query } = flags;
  const state = await readOpenSearchState(calls, name, { signal });
  const status = openSearchStatus(state, name);
  const { modelId } = status;
  const readiness = await service?.readiness();
  const probe =
    modelId === undefined
      ? undefined
      : await probeReranking(calls, {
          pipeline: name,
          modelId,
          version: state.version,
          index,
          query: query!,
          signal,
          timeoutMs: answerTimeoutMs(status.readTimeoutSeconds ?? 0),
          ...(service && { countServiceRequests: () => service.countRequests() }),
        });
  const counts = modelId === undefined ? undefined : await readPipelineCounts(calls, name, { signal });
  const fault = faultOf(status, probe);
  return {
    lines: [
      `OpenSearch ${status.version}`,
      ...status.parts.map(({ part, state: how, detail }) => `  ${part.padEnd(16)}  ${how}: ${detail}`),
      ...countLines(counts),
      `  ${'service'.padEnd(16)}  ${readiness?.detail ?? 'not asked (--service)'}`,
      ...probeLines(probe),
    ],
    json: { ...status, statistics: counts, service: readiness, probe },
    ...(fault !== undefined && { fault }),
  };
}

/** The fault that keeps searches from being reranked: by the probe, and by the parts where the probe could not tell. */
function faultOf({ parts }: OpenSearchStatus, probe: Probe | undefined): string | undefined {
  if (probe?.outcome === 'reranked') return undefined;
  if (probe?.cause !== undefined) return probe.cause;
  const [fault] = parts.filter(({ isFault }) => isFault);
  return fault && `${fault.part} ${fault.state}: ${fault.detail}`;
}

function countLines(counts: PipelineCounts | undefined): string[] {
  if (!counts) return [];
  const { count, failed } = counts;
  return [`  ${'statistics'.padEnd(16)}  ${count} searches since the nodes started, ${failed} not reranked`];
}

function probeLines(probe: Probe | undefined): string[] {
  if (!probe) return [];
  return [
    `  ${'probe'.padEnd(16)}  ${outcomeTexts[probe.outcome]}`,
    ...probe.signs.map((sign) => `  ${' '.repeat(16)}    ${sign}`),
  ];
}
