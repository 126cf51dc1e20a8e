/** `blockrank rerank`: documents at hand, or what a search server finds. */
import { Command, Option } from 'commander';
import { addConnectionOptions } from '../connection-options.ts';
import type { CliContext } from '../context.ts';
import { finiteNumber, list, wholeNumber } from '../option-values.ts';
import type { RerankFlags } from './rerank-flags.ts';

const examples = `
Examples:
  $ blockrank rerank "who studies stars" "a doctor for animals" "an astronomer looks at the sky"
  $ blockrank rerank "who studies stars" --documents docs.jsonl --top-n 5 --json
  $ cat docs.txt | blockrank rerank "who studies stars"
  $ BLOCKRANK_API_KEY=… blockrank rerank "wing flow" --elasticsearch https://localhost:9200 --ca ca.pem \\
      --index articles --field title --field body --query-field title^2 --query-field body
  $ blockrank rerank "wing flow" --opensearch https://search.example --aws-region eu-central-1 --index articles --field body
  $ blockrank rerank "wing flow" --config blockrank.config.yaml --query-body query.json

Documents: .txt one a line; .jsonl one JSON text or object {id, title, text, score} a line; .json a list of those.
Secrets: BLOCKRANK_API_KEY, BLOCKRANK_PASSWORD, BLOCKRANK_BEARER, BLOCKRANK_KEY_PASSPHRASE stand for the options of
those names, which other users of the machine could read.`;

/** Makes the command `rerank`. */
export function rerankCommand(context: CliContext): Command {
  const command = new Command('rerank')
    .description('rerank documents given here, in a file, on standard input, or found by a search server')
    .argument('<query>', 'the question, in words')
    .argument('[documents...]', 'the documents, one an argument')
    .option('--documents <file>', 'file with documents (.jsonl, .json, .txt); - for standard input')
    .option('--config <file>', 'configuration file (blockrank.config.yaml)')
    .option('--json', 'print JSON');
  addConnectionOptions(command);
  addSearchOptions(command);
  addRankingOptions(command);
  return command
    .addHelpText('after', examples)
    .action(async (query: string, documents: string[], flags: RerankFlags) => {
      const { rerank } = await import('./rerank.ts');
      await rerank(context, { query, documents, flags });
    });
}

function addSearchOptions(command: Command): void {
  const options = [
    new Option('--index <name>', 'index, alias, or several joined by commas'),
    new Option('--field <name>', 'field that the model reads (again for more, in this order)').argParser(
      list,
    ),
    new Option(
      '--query-field <name>',
      'field that is searched, e.g. title^2 (again for more); default: --field',
    ).argParser(list),
    new Option('--query-body <file>', 'JSON file with the search request to send instead'),
    new Option('--size <n>', 'hits shown').argParser(wholeNumber({ min: 1 })).default(10),
  ];
  for (const option of options) command.addOption(option.helpGroup('Search:'));
}

function addRankingOptions(command: Command): void {
  const options = [
    new Option('--window <n>', 'how many leading documents are reranked (default: 100)').argParser(
      wholeNumber({ min: 1 }),
    ),
    new Option('--top-n <n>', 'documents given back at most').argParser(wholeNumber({ min: 1 })),
    new Option('--min-score <x>', 'smallest calibrated score given back, 0 to 1').argParser(
      finiteNumber({ min: 0, max: 1 }),
    ),
    new Option('--deadline <ms>', 'time for search and reranking, in milliseconds').argParser(
      finiteNumber({ min: 1 }),
    ),
    new Option('--explain', 'say what the model looked at'),
    new Option('--model <dir>', 'model folder (default: the one of the package)'),
    new Option('--precision <name>', 'how matrices are multiplied (default: fp32)').choices([
      'fp32',
      'int8',
      'fp16',
    ]),
    new Option('--device <name>', 'where the model runs (default: cpu)').choices([
      'auto',
      'cpu',
      'webgpu',
      'cuda',
    ]),
    new Option('--tier <name>', 'read every token, or one vector a block (default: tokens)').choices([
      'tokens',
      'anchor',
    ]),
  ];
  for (const option of options) command.addOption(option.helpGroup('Ranking:'));
}
