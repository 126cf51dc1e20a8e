/** `blockrank hierarchy train`: learns the vectors of a hierarchy. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { countFlag, seedFlag, textFlag } from '../laboratory/laboratory-flags.ts';
import { jsonFlag } from '../shared-flags.ts';
import { taxonomyFlags } from './hierarchy-flags.ts';
import type { TrainFlags } from './train.ts';

const help = `
Examples:
  $ blockrank hierarchy train --taxonomy categories.tsv --output ./categories
  $ blockrank hierarchy train --log searches.tsv --taxonomy categories.tsv --output ./categories
  $ blockrank hierarchy train --log clicks.tsv --no-mask --finetune --output ./clicks
  $ blockrank hierarchy train --data hier-wordnet --root 01864419 --towers lookup --width 8 --output ./mammals

A taxonomy is a file of lines "child, tab, parent"; a log is a file of lines "query, tab, category". A category matches
itself and all that stands above it. Known matches of a query are never taught as wrong ones; where many matches are not
known, as with a log without a taxonomy, --finetune trains again on far pairs with a flat softmax. The report is recall
by the distance between query and category, also of queries that were held out.`;

const towers: OptionRow = {
  type: 'choice',
  of: ['text', 'text-queries', 'lookup'],
  default: 'text',
  help: 'what vectors are made from: words and their parts; those for queries alone, and a row a category; a row each',
};
const optimiser: OptionRow = {
  type: 'choice',
  of: ['adamw', 'one-sided-shampoo'],
  default: 'adamw',
  help: 'what turns gradients into steps',
};
const heldOut: OptionRow = {
  type: 'number',
  min: 0,
  max: 0.5,
  default: 0.1,
  help: 'share of the queries that is not trained, and reported apart; none with lookup',
};

function numberFlag(
  spelling: string,
  help: string,
  value: number,
  bounds: Partial<OptionRow> = { above: 0 },
): Flag {
  return new Flag(spelling, { type: 'number', default: value, help, ...bounds }, { isValue: true });
}

/** Makes the command `hierarchy train`. */
export function trainCommand(context: CliContext): Command {
  return addFlags(new Command('train').description('learn the vectors of queries and categories'), [
    ...taxonomyFlags(),
    new Flag('--with-text', { type: 'switch', help: "with --data: read a category's text beside its title" }),
    textFlag('--log <file>', 'lines of query and category with a tab between them'),
    new Flag(
      '--output <folder>',
      { type: 'text', isRequired: true, help: 'where the hierarchy is written' },
      { isMandatory: true },
    ),
    new Flag('--towers <kind>', towers, { isValue: true }),
    countFlag('--width <n>', 'values a vector', { value: 32 }),
    countFlag('--buckets <n>', 'text: rows of a table of hashed words', { value: 16_384 }),
    countFlag('--steps <n>', 'steps of the first training', { value: 3000 }),
    countFlag('--batch <n>', 'pairs a step', { min: 2, value: 256 }),
    numberFlag('--temperature <T>', 'what products are divided by in the softmax', 20),
    numberFlag('--rate <rate>', 'learning rate at the start; it falls to 0', 0.05),
    new Flag('--no-mask', {
      type: 'switch',
      help: 'teach known matches of a query as wrong ones, as the paper does',
    }),
    numberFlag('--far-share <share>', 'share of the pairs that are drawn from far ones alone', 0, {
      min: 0,
      max: 1,
    }),
    countFlag('--far <distance>', 'steps from which a pair is far', { value: 3 }),
    new Flag('--finetune', { type: 'switch', help: 'train again, on far pairs, stopped early' }),
    countFlag('--finetune-from <distance>', 'steps from which pairs are trained again (default: --far)', {
      min: 0,
    }),
    countFlag('--finetune-steps <n>', 'steps of the second training at most', { value: 800 }),
    numberFlag('--finetune-temperature <T>', 'what products are divided by in the second training', 500),
    numberFlag('--finetune-rate <rate>', 'learning rate of the second training', 0.005),
    numberFlag('--finetune-keep <share>', 'share of the recall at distance 0 that must be left of it', 0.9, {
      min: 0,
      max: 1,
    }),
    new Flag('--optimiser <name>', optimiser, { isValue: true }),
    new Flag('--held-out <share>', heldOut, { isValue: true }),
    seedFlag(),
    jsonFlag('print the report as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (flags: TrainFlags) => {
      const { train } = await import('./train.ts');
      await train(context, flags);
    });
}
