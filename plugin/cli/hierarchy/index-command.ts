/** `blockrank hierarchy index`: stores the vectors of documents, by which the server searches. */
import { Command } from 'commander';
import { buildOptions, placeOptions, stateTextOptions } from '../../options/build-options.ts';
import type { OptionRow } from '../../options/option.ts';
import { addConnectionOptions } from '../connection-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { configFlag, fieldFlag, jsonFlag } from '../shared-flags.ts';
import { hierarchyFlag } from './hierarchy-flags.ts';
import type { IndexFlags } from './index-documents.ts';

const help = `
Examples:
  $ blockrank hierarchy index --hierarchy ./categories --elasticsearch http://localhost:9200 --index products --field title
  $ blockrank hierarchy index --hierarchy ./categories --opensearch http://localhost:9200 --index products --field category

Each document gets the vector of its text under <vector-field>.vector: a dense_vector with max_inner_product, or a
knn_vector with innerproduct, which needs an index with "index.knn": true. Start the command on as many machines as you
like, end it at any moment, and start it again: it goes on where it was, and leaves alone what fits. "states drop --to
field --state-field <vector-field>" takes the vectors away.`;

const vectorField: OptionRow = {
  type: 'text',
  default: 'blockrank_hierarchy',
  help: 'object that holds the vector in a document',
};

/** Makes the command `hierarchy index`. */
export function indexCommand(context: CliContext): Command {
  const command = addFlags(new Command('index').description("store the vectors of an index's documents"), [
    hierarchyFlag(),
    configFlag('configuration file that names the server and the index; options go before it'),
    new Flag('--index <name>', placeOptions.index),
    fieldFlag(),
    new Flag('--separator <text>', stateTextOptions.separator),
    new Flag('--template <text>', stateTextOptions.template),
    new Flag('--vector-field <name>', vectorField, { isValue: true }),
    new Flag('--slices <n>', buildOptions.slices),
    new Flag('--workers <n>', buildOptions.workers),
    new Flag('--docs-per-second <n>', buildOptions.docsPerSecond),
    new Flag('--batch <n>', buildOptions.batch),
    jsonFlag(),
  ]);
  return addConnectionOptions(command)
    .addHelpText('after', help)
    .action(async (flags: IndexFlags) => {
      const { indexDocuments } = await import('./index-documents.ts');
      await indexDocuments(context, flags);
    });
}
