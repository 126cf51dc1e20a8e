/** A search server as the source of `blockrank rerank`. */
import type { Adapter, HitMark, OutcomeMark } from '../../../adapters/adapter.ts';
import { type Candidate, ConfigurationError } from '../../../engine/index.ts';
import { composeServer, type ServerRequest, type ServerResponse } from '../../compose/server.ts';
import type { BlockRankConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { readTextFile } from './documents.ts';
import type { ReportedHit } from './rerank-report.ts';
import type { RerankAsk, RerankSource } from './source.ts';

/** Opens the server's client, the model, and a stage over both. */
export async function openServerSource(
  context: CliContext,
  { query, flags }: RerankAsk,
  config: BlockRankConfig,
): Promise<RerankSource> {
  const body =
    flags.queryBody === undefined ? defaultBody(query, config, flags.size) : await readBody(flags.queryBody);
  const read: ReadTexts = { found: [], added: [] };
  const { stage, close } = await composeServer(config, {
    env: context.env,
    onWarning: (message) => context.note(`blockrank: ${message}`),
    decorate: (adapter) => remembering(adapter, read),
  });
  return {
    close,
    async search({ signal }) {
      const request: ServerRequest = toRequest(config, body);
      const response = await stage.search(request, { signal, queryText: query });
      const { hits, blockrank } = bodyOf(response);
      const candidates = [...read.found, ...read.added];
      return { query, outcome: blockrank, hits: hits.map((hit, i) => toReported(hit, i, candidates)) };
    },
  };
}

/** The two clients take a search in different forms: flat, or with the body apart. */
function toRequest({ opensearch, index }: BlockRankConfig, body: Record<string, unknown>): ServerRequest {
  return opensearch ? { index: index.name, body } : { index: index.name, ...body };
}

function defaultBody(query: string, { index }: BlockRankConfig, size: number): Record<string, unknown> {
  return { query: { multi_match: { query, fields: index.queryFields ?? index.textFields } }, size };
}

async function readBody(path: string): Promise<Record<string, unknown>> {
  const text = await readTextFile(path, 'search request');
  const fail = (message: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError(`Cannot read search request "${path}"`, [{ path: '', message }], { cause });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw fail(`not JSON: ${(cause as Error).message}`, cause);
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw fail('expected a JSON object, for instance {"query": {"match": {"body": "wing flow"}}}');
}

/** Texts that the model read: of the first search's hits, and of those that a second one added. */
interface ReadTexts {
  found: readonly Candidate[];
  added: readonly Candidate[];
}

/** Keeps the text that the model read, so that explanations can be shown over it. */
function remembering(
  adapter: Adapter<ServerRequest, ServerResponse>,
  read: ReadTexts,
): Adapter<ServerRequest, ServerResponse> {
  const toShortlist: (typeof adapter)['toShortlist'] = (plan, response) => {
    const shortlist = adapter.toShortlist(plan, response);
    read[plan.isSecondSearch ? 'added' : 'found'] = shortlist.candidates;
    return shortlist;
  };
  return { ...adapter, toShortlist };
}

interface Hit {
  readonly _id?: string;
  readonly _score?: number | null;
  readonly _source?: unknown;
  readonly blockrank?: HitMark;
}

interface SearchBody {
  readonly hits: { readonly hits: readonly Hit[] };
  readonly blockrank: OutcomeMark;
}

/** OpenSearch's client answers with the body inside. */
function bodyOf(response: ServerResponse): {
  readonly hits: readonly Hit[];
  readonly blockrank: OutcomeMark;
} {
  const { body = response } = response as { readonly body?: unknown };
  const { hits, blockrank } = body as SearchBody;
  return { hits: hits.hits, blockrank };
}

function toReported(
  { _id, _score, _source, blockrank }: Hit,
  i: number,
  candidates: readonly Candidate[],
): ReportedHit {
  const candidate = candidates[(blockrank?.firstStageRank ?? i + 1) - 1];
  return {
    docId: _id ?? '',
    text: candidate?.text ?? JSON.stringify(_source ?? {}),
    // The server's score of a hit that a second search added is of another kind.
    firstStageScore: blockrank?.fromSecondSearch
      ? undefined
      : (blockrank?.firstStageScore ?? _score ?? undefined),
    mark: blockrank,
  };
}
