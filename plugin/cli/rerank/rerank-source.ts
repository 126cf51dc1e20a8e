/** Opens the source of the documents of `blockrank rerank`; every kind of source runs behind a stage. */
import { ConfigurationError } from '../../../engine/index.ts';
import { fetchedSignals } from '../../compose/fetched-signals.ts';
import { composeStage } from '../../compose/stage.ts';
import type { BlockRankConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { documentsAdapter, type GivenDocument, toText } from './documents-adapter.ts';
import { type RerankFlags, rerankerOf, stageOf } from './rerank-flags.ts';
import type { RerankAsk, RerankSource } from './source.ts';

/** Opens the source that the arguments name. @throws ConfigurationError when they name none, or two. */
export async function openSource(context: CliContext, ask: RerankAsk): Promise<RerankSource> {
  const { flags } = ask;
  const config = await configOf(context, flags);
  const hasDocuments = ask.documents.length > 0 || flags.documents !== undefined;
  const server = hasDocuments ? undefined : await serverSetup(flags, config);
  if (server) {
    const { openServerSource } = await import('./server-source.ts');
    return openServerSource(context, ask, server);
  }
  if (hasDocuments && (flags.elasticsearch ?? flags.opensearch ?? flags.cloudId) !== undefined) {
    throw usage('give documents, or a server, not both');
  }
  return openDocumentsSource(await documentsOf(context, ask), ask, config);
}

async function configOf({ env }: CliContext, { config }: RerankFlags): Promise<BlockRankConfig | undefined> {
  if (config === undefined) return undefined;
  const { loadConfig } = await import('../../config/index.ts');
  return loadConfig(config, env);
}

/** The setup of the server: wholly from the options, or from the file with the options' index and fields. */
async function serverSetup(
  flags: RerankFlags,
  config: BlockRankConfig | undefined,
): Promise<BlockRankConfig | undefined> {
  const { serverOfFlags } = await import('../connection-section.ts');
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
  const { fieldApart: fieldsApart = config?.index.fieldsApart } = flags;
  return {
    ...(server.elasticsearch ? { elasticsearch: server.elasticsearch } : { opensearch: server.opensearch }),
    index: { ...config?.index, name, textFields, queryFields, ...(fieldsApart && { fieldsApart }) },
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
  const { readDocuments } = await import('./documents.ts');
  return readDocuments(flags.documents ?? '-', context);
}

async function openDocumentsSource(
  documents: readonly GivenDocument[],
  { query, flags }: RerankAsk,
  config: BlockRankConfig | undefined,
): Promise<RerankSource> {
  const settings = stageOf(flags, config?.stage);
  const { stage, close } = await composeStage({
    adapter: documentsAdapter('unknown', fetchedSignals(config?.index ?? {}, settings)),
    reranker: rerankerOf(flags, config?.reranker),
    stage: settings,
  });
  return {
    close,
    async search({ signal }) {
      const { hits, blockrank } = await stage.search({ query, documents }, { signal });
      const reported = hits.map(({ blockrank: mark, fields: _fields, ...document }) => ({
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
