/** Reads the nodes' counts of a search pipeline. */
import { accepted, type ServerCalls } from '../../install/index.ts';

/** Counts of the rerank processor, over all nodes since each started. */
export interface PipelineCounts {
  /** Searches that came to the processor. */
  readonly count: number;
  /**
   * How many of those searches the processor failed on, whether the pipeline ignored the failure or not. Searches
   * without `ext.rerank` count here too, for the processor fails on them.
   */
  readonly failed: number;
}

/** Reads the counts of a pipeline's rerank processors. A pipeline that no search went through counts 0. */
export async function readPipelineCounts(
  calls: ServerCalls,
  pipeline: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PipelineCounts> {
  const request = { method: 'GET' as const, path: '/_nodes/stats/search_pipeline' };
  const answer = accepted(await calls.request(request, options), {
    server: calls.server,
    what: "read the nodes' statistics",
  });
  const { nodes = {} } = answer.body as { nodes?: Readonly<Record<string, NodeStatistics>> };
  let count = 0;
  let failed = 0;
  for (const { search_pipeline: found } of Object.values(nodes)) {
    for (const processor of found?.pipelines?.[pipeline]?.response_processors ?? []) {
      for (const { type, stats } of Object.values(processor)) {
        if (type !== 'rerank') continue;
        count += stats.count;
        failed += stats.failed;
      }
    }
  }
  return { count, failed };
}

interface NodeStatistics {
  readonly search_pipeline?: {
    readonly pipelines?: Readonly<
      Record<
        string,
        {
          readonly response_processors?: readonly Readonly<
            Record<string, { readonly type: string; readonly stats: PipelineCounts }>
          >[];
        }
      >
    >;
  };
}
