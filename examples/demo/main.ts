/**
 * A reverse dictionary: describe a thing and find its word. WordNet's glosses are searched by BM25, the first
 * hundred are reranked by the shipped model. No server, no GPU.
 */
import { Command, CommanderError } from 'commander';
import {
  type EmbeddedIndex,
  type EmbeddedRequest,
  type EmbeddedResponse,
  embeddedAdapter,
} from '../../adapters/embedded/index.ts';
import { defaultCacheFolder, openReranker, type RescoringStage, rescoringStage } from '../../index.ts';
import { type CliContext, cliContext } from '../../plugin/cli/context.ts';
import { exitCodeOf } from '../../plugin/cli/errors.ts';
import { openCachedIndex } from './cached-index.ts';
import { type DemoResult, toList, toTable } from './report.ts';

const builtInQueries = [
  'person who studies the stars',
  'fear of being in a small closed space',
  'a tool for measuring how hot it is',
  'someone who pretends to be better than they are',
];
/** Candidates that are reranked, and listed by `--json`. */
const depth = 100;

interface Opened {
  readonly index: EmbeddedIndex;
  readonly stage: RescoringStage<EmbeddedRequest, EmbeddedResponse>;
}

async function run(context: CliContext, query: string | undefined, json: boolean): Promise<void> {
  const cacheFolder = defaultCacheFolder(context.env);
  const bar = context.progress('indexing WordNet', 117_791);
  const reranker = await openReranker({ cacheFolder });
  const index = await openCachedIndex(cacheFolder, (done) => bar.update(done));
  bar.stop();
  const stage = rescoringStage({ adapter: embeddedAdapter({ index }), reranker, rankWindowSize: depth });
  try {
    for (const each of query === undefined ? builtInQueries : [query])
      await answer(context, { index, stage }, each, json);
  } finally {
    await stage.close();
    await reranker.close();
  }
}

async function answer(
  context: CliContext,
  { index, stage }: Opened,
  query: string,
  json: boolean,
): Promise<void> {
  const response = await stage.search({ query, size: depth }, { signal: context.signal });
  const before = index.search(query, depth).matches.map(({ document, score }) => {
    return { docId: document.docId, title: document.title ?? '', text: document.text ?? '', score };
  });
  const result: DemoResult = { query, firstStage: toList(before), reranked: toList(response.hits) };
  if (json) context.stdout.write(`${JSON.stringify(result)}\n`);
  else context.print(`${toTable(result, response, context.colours)}\n`);
}

const abort = new AbortController();
process.once('SIGINT', () => abort.abort(new Error('Interrupted.')));
const context = cliContext({ ...process, argv: process.argv.slice(2) } as never, abort.signal);
const program = new Command('demo')
  .exitOverride()
  .description(
    'Describe a thing and find its word: WordNet as a reverse dictionary, BM25 beside the reranked order.',
  )
  .argument('[query]', 'what the word means; without it, a few built-in descriptions')
  .option(
    '--json',
    'one JSON object a line: { query, firstStage, reranked }, each list with 100 { rank, docId, title, text, score }',
  )
  .option('--no-color', 'no colours')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run demo\n  npm run demo -- "the study of insects"\n  npm run -s demo -- --json "the study of insects"',
  )
  .action((query: string | undefined, { json = false }: { json?: boolean }) =>
    run(context, query?.trim() || undefined, json),
  );
try {
  await program.parseAsync();
} catch (error) {
  // Commander has told its own errors already.
  if (!(error instanceof CommanderError)) {
    context.note(`demo: ${error instanceof Error ? error.message : String(error)}`);
  }
  process.exitCode = exitCodeOf(error, abort.signal);
}
