/** Where the documents of `blockrank rerank` come from, behind one stage whatever they are. */
import { ConfigurationError } from '../../../engine/index.ts';
import { composeStage } from '../../compose/index.ts';
import { type BlockRankConfig, loadConfig } from '../../config/index.ts';
import { serverOfFlags } from '../connection-options.ts';
import type { CliContext } from '../context.ts';
import { readDocuments } from './documents.ts';
import { documentsAdapter, type GivenDocument, toText } from './documents-adapter.ts';
import { type RerankFlags, rerankerOf, stageOf } from './rerank-flags.ts';
import type { Report } from './rerank-report.ts';
import { openServerSource } from './server-source.ts';

/** Something that answers the query. */
export interface RerankSource {
  /** Searches, where there is something to search, and reranks. */
  search(options: { readonly signal: AbortSignal }): Promise<Report>;
  /** Frees model and connection. */
  close(): Promise<void>;
}

/** What was asked. */
export interface RerankAsk {
  /** The words of the question. */
  readonly query: string;
  /** Documents from the arguments. */
  readonly documents: readonly string[];
  /** The options. */
  readonly flags: RerankFlags;
}

/** Opens what the arguments name. @throws ConfigurationError when they name nothing, or two things. */
export async function openSource(context: CliContext, ask: RerankAsk): Promise<RerankSource> {
  const { flags } = ask;
  const config = flags.config === undefined ? undefined : await loadConfig(flags.config, context.env);
  const hasDocuments = ask.documents.length > 0 || flags.documents !== undefined;
  const server = hasDocuments ? undefined : serverSetup(flags, config);
  if (server) return openServerSource(context, ask, server);
  if (hasDocuments && (flags.elasticsearch ?? flags.opensearch ?? flags.cloudId) !== undefined) {
    throw usage('give documents, or a server, not both');
  }
  return openDocumentsSource(await documentsOf(context, ask), ask, config);
}

/** The server: the options' whole, or the file's with the options' index and fields. */
function serverSetup(flags: RerankFlags, config: BlockRankConfig | undefined): BlockRankConfig | undefined {
  const flagged = serverOfFlags(flags);
  if (flagged && config) throw usage('give a server by options, or by --config, not both');
  const server = flagged ?? config;
  if (!server) return undefined;
  const name = flags.index ?? config?.index.name;
  const textFields = flags.field ?? config?.index.textFields;
  const issues = [
    ...(name === undefined ? [{ path: '--index', message: 'required: the index to search' }] : []),
    ...(textFields === undefined
      ? [{ path: '--field', message: 'required: the field or fields that the model reads' }]
      : []),
  ];
  if (name === undefined || textFields === undefined) throw new ConfigurationError('Wrong options', issues);
  const queryFields = flags.queryField ?? flags.field ?? config?.index.queryFields ?? textFields;
  return {
    ...(server.elasticsearch ? { elasticsearch: server.elasticsearch } : { opensearch: server.opensearch }),
    index: { ...config?.index, name, textFields, queryFields },
    reranker: rerankerOf(flags, config?.reranker),
    stage: stageOf(flags, config?.stage),
  };
}

async function documentsOf(
  context: CliContext,
  { documents, flags }: RerankAsk,
): Promise<readonly GivenDocument[]> {
  if (documents.length > 0 && flags.documents !== undefined) {
    throw usage('give documents as arguments, or with --documents, not both');
  }
  if (documents.length > 0) return documents.map((text, i) => ({ docId: String(i + 1), text }));
  if (flags.documents === undefined && context.stdin.isTTY) {
    throw usage(
      'nothing to rerank: give documents as arguments, with --documents FILE, or on standard input; or name a server',
    );
  }
  return readDocuments(flags.documents ?? '-', context);
}

async function openDocumentsSource(
  documents: readonly GivenDocument[],
  { query, flags }: RerankAsk,
  config: BlockRankConfig | undefined,
): Promise<RerankSource> {
  const { stage, close } = await composeStage({
    adapter: documentsAdapter(),
    reranker: rerankerOf(flags, config?.reranker),
    stage: stageOf(flags, config?.stage),
  });
  return {
    close,
    async search({ signal }) {
      const { hits, blockrank } = await stage.search({ query, documents }, { signal });
      const reported = hits.map(({ blockrank: mark, ...document }) => ({
        ...document,
        ...toText(document),
        mark,
      }));
      return { query, hits: reported, outcome: blockrank! };
    },
  };
}

function usage(message: string): ConfigurationError {
  return new ConfigurationError('Wrong arguments', [{ path: '', message }]);
}
