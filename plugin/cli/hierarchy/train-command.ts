/** `blockrank hierarchy train`: learns the vectors of a hierarchy. */
import { Command } from 'commander';
import { hierarchyTrainOptions as of } from '../../options/hierarchy-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { seedFlag } from '../laboratory/laboratory-flags.ts';
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

/** Makes the command `hierarchy train`. */
export function trainCommand(context: CliContext): Command {
  return addFlags(new Command('train').description('learn the vectors of queries and categories'), [
    ...taxonomyFlags(),
    new Flag('--with-text', of.withText),
    new Flag('--log <file>', of.log),
    new Flag('--output <folder>', of.output, { isMandatory: true }),
    new Flag('--towers <kind>', of.towers, { isValue: true }),
    new Flag('--width <n>', of.width, { isValue: true }),
    new Flag('--buckets <n>', of.buckets, { isValue: true }),
    new Flag('--steps <n>', of.steps, { isValue: true }),
    new Flag('--batch <n>', of.batch, { isValue: true }),
    new Flag('--temperature <T>', of.temperature, { isValue: true }),
    new Flag('--rate <rate>', of.rate, { isValue: true }),
    new Flag('--no-mask', of.mask),
    new Flag('--far-share <share>', of.farShare, { isValue: true }),
    new Flag('--far <distance>', of.far, { isValue: true }),
    new Flag('--finetune', of.finetune),
    new Flag('--finetune-from <distance>', of.finetuneFrom),
    new Flag('--finetune-steps <n>', of.finetuneSteps, { isValue: true }),
    new Flag('--finetune-temperature <T>', of.finetuneTemperature, { isValue: true }),
    new Flag('--finetune-rate <rate>', of.finetuneRate, { isValue: true }),
    new Flag('--finetune-keep <share>', of.finetuneKeep, { isValue: true }),
    new Flag('--optimiser <name>', of.optimiser, { isValue: true }),
    new Flag('--held-out <share>', of.heldOut, { isValue: true }),
    seedFlag(),
    jsonFlag('print the report as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (flags: TrainFlags) => {
      const { train } = await import('./train.ts');
      await train(context, flags);
    });
}
