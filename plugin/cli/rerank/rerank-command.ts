/** `blockrank rerank`: reranks documents at hand, or hits of a search server. */
import { Command } from 'commander';
import { indexOptions } from '../../options/index-options.ts';
import type { OptionRow } from '../../options/option.ts';
import { passageOptions, stageOptions } from '../../options/stage-options.ts';
import { addConnectionOptions } from '../connection-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { configFlag, fieldFlag, jsonFlag } from '../shared-flags.ts';
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
    .argument('[documents...]', 'the documents, one an argument');
  addFlags(command, [new Flag('--documents <file>', documents), configFlag(), jsonFlag()]);
  addConnectionOptions(command);
  addFlags(command, searchFlags(), 'Search:');
  addFlags(command, rankingFlags(), 'Ranking:');
  return command
    .addHelpText('after', examples)
    .action(async (query: string, given: string[], flags: RerankFlags) => {
      const { rerank } = await import('./rerank.ts');
      await rerank(context, { query, documents: given, flags });
    });
}

const documents: OptionRow = {
  type: 'text',
  help: 'file with documents (.jsonl, .json, .txt); - for standard input',
};
const queryBody: OptionRow = { type: 'text', help: 'JSON file with the search request to send instead' };
const size: OptionRow = { type: 'whole', min: 1, default: 10, unit: 'hits', help: 'hits shown' };

function searchFlags(): readonly Flag[] {
  return [
    new Flag('--index <name>', indexOptions.name),
    fieldFlag(),
    new Flag('--query-field <name>', indexOptions.queryFields, {
      help: 'field that is searched, e.g. title^2',
      otherwise: '--field',
    }),
    new Flag('--field-apart <name>', indexOptions.fieldsApart, {
      help: 'field that is scored by itself, e.g. title^2 or reviews[]',
    }),
    new Flag('--query-body <file>', queryBody),
    new Flag('--size <n>', size, { isValue: true }),
  ];
}

function rankingFlags(): readonly Flag[] {
  return [
    new Flag('--window <n>', stageOptions.rankWindowSize),
    new Flag('--top-n <n>', stageOptions.topN),
    new Flag('--min-score <x>', stageOptions.minScore),
    new Flag('--deadline <ms>', stageOptions.deadlineMs),
    new Flag('--explain', stageOptions.explain, { help: 'say what the model looked at' }),
    new Flag('--passages <n>', passageOptions.perHit, {
      help: 'show the best sentences, so many of a hit at most',
    }),
    ...modelOptions(),
  ];
}
