/** `blockrank cost`: what every way to rank is worth and costs on the user's own judgements. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { CostFlags } from './cost.ts';
import {
  candidatesFlag,
  costsFlag,
  countFlag,
  dataFlag,
  remotesFlag,
  textFlag,
  windowFlag,
} from './laboratory-flags.ts';

/** What is measured where nothing is named: every knob of the shipped model. */
const everyKnob =
  'first-stage,depth-6-anchor,anchor,cascade:first-stage:default:20,cascade:first-stage:default:50,cascade:depth-6-anchor:default:20,depth-6,default';
/** Documents are dropped on the processor alone. */
const onProcessor = 'drop-25,drop-50';
const byDefault = ({ device = 'cpu' }: Pick<CostFlags, 'device'>): string =>
  device === 'cpu' ? `${everyKnob},${onProcessor}` : everyKnob;

const help = `
Examples:
  $ blockrank cost --data my-judgements --candidates bm25 --chart cost.svg
  $ blockrank cost --data my-judgements --budget 50 --costs warm
Each is measured on the same queries, by nDCG@10 and milliseconds a list. A star marks those that none is better than at
no more cost. Chosen is the best within --budget, or without one the cheapest within one standard error of the best.
cascade:first-stage:default:20 is the model over the first 20 hits: rankWindowSize. drop-25 reads a quarter of the unknown
documents, stop-30 stops reading at a risk of .3 (docs/cost.md), router:FOLDER and router:FOLDER@MS are a
router, with a budget. The other names are those of "blockrank router".`;

/** Makes the command. */
export const costCommand: MakeCommand = (context) =>
  addFlags(
    new Command('cost').description(
      'Measures what tiers, depths, windows, dropping, cascades and routers are worth and cost, and prints the configuration of the one to take.',
    ),
    [
      dataFlag('--data <folder>', 'collection with judgements'),
      candidatesFlag(),
      textFlag(
        '--rerankers <names>',
        `what is measured, separated by commas (default: ${everyKnob}; on the processor also ${onProcessor})`,
      ),
      remotesFlag(),
      ...modelOptions({ only: ['model', 'precision', 'queryPrecision', 'device', 'residual'] }),
      windowFlag(100),
      countFlag('--limit <n>', 'only the first judged queries', {}),
      costsFlag(),
      countFlag('--budget <ms>', 'mean milliseconds of a list that the chosen one may take', {}),
      textFlag('--chart <file>', 'where to write quality against cost as SVG'),
      jsonFlag('print what was measured as JSON'),
    ],
  )
    .addHelpText('after', help)
    .action(async (flags: Omit<CostFlags, 'rerankers'> & Partial<CostFlags>) => {
      const { runCost } = await import('./cost.ts');
      await runCost(context, { ...flags, rerankers: flags.rerankers ?? byDefault(flags) });
    });
