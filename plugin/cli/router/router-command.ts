/** `blockrank router`: which reranker for which query, learned from judgements. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import { CommandGroup } from '../command-group.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import {
  candidatesFlag,
  costsFlag,
  countFlag,
  dataFlag,
  remotesFlag,
  seedFlag,
  textFlag,
  windowFlag,
} from '../laboratory/laboratory-flags.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { RouterFitFlags } from './fit.ts';
import type { RouterOnboardFlags } from './onboard.ts';
import type { RouterReportFlags } from './report.ts';

const help = `
Examples:
  $ blockrank router fit --data my-judgements --candidates bm25 --output my-router --rerankers first-stage,depth-6-anchor,default
  $ blockrank router onboard --router my-router --rerankers cascade:depth-6-anchor:default:20
  $ blockrank router report --router my-router --chart my-router.svg

A router knows what each reranker on board loses on queries of each kind, and what it costs; reranker.router of the
configuration file serves it. With --json each prints what was measured.`;

const kind: OptionRow = {
  type: 'choice',
  of: ['k-means', 'learned-map'],
  default: 'k-means',
  help: 'how queries are given to clusters',
};
const rerankersFlag = (): Flag =>
  new Flag(
    '--rerankers <names>',
    {
      type: 'text',
      isRequired: true,
      help: 'first-stage, default, model, anchor, depth-N, depth-N-anchor, drop-PERCENT, stop-PERCENT, remote:NAME, cascade:CHEAP:DEAR, cascade:CHEAP:DEAR:N; separated by commas',
    },
    { isMandatory: true },
  );
const sharedFlags = (): readonly Flag[] => [
  remotesFlag(),
  ...modelOptions({ only: ['model', 'precision', 'queryPrecision', 'device', 'residual'] }),
  jsonFlag('what was measured as JSON'),
];

const fitCommand: MakeCommand = (context) =>
  addFlags(
    new Command('fit').description('Measures rerankers on judged queries, and writes a router over them.'),
    [
      dataFlag('--data <folder>', 'collection'),
      candidatesFlag(),
      rerankersFlag(),
      dataFlag('--output <folder>', 'new folder of the router'),
      countFlag('--clusters <n>', 'clusters of queries', { value: 5 }),
      new Flag('--kind <name>', kind, { isValue: true }),
      windowFlag(100),
      countFlag('--limit <n>', 'only the first n judged queries', {}),
      costsFlag(),
      seedFlag(),
      ...sharedFlags(),
    ],
  ).action(async (flags: RouterFitFlags) => {
    const { fitRouterFolder } = await import('./fit.ts');
    await fitRouterFolder(context, flags);
  });

const onboardCommand: MakeCommand = (context) =>
  addFlags(
    new Command('onboard').description(
      'Takes rerankers on board of a router, by their losses and costs on its queries; its other files stay as they are.',
    ),
    [
      dataFlag('--router <folder>', 'the router'),
      rerankersFlag(),
      textFlag('--data <folder>', 'collection, where it is not where the router was fitted'),
      ...sharedFlags(),
    ],
  ).action(async (flags: RouterOnboardFlags) => {
    const { onboard } = await import('./onboard.ts');
    await onboard(context, flags);
  });

const reportCommand: MakeCommand = (context) =>
  addFlags(
    new Command('report').description(
      'What routers of each kind would have gained on the queries of a router, cross-validated.',
    ),
    [
      dataFlag('--router <folder>', 'the router'),
      countFlag('--folds <n>', 'parts of the queries that are held out in turn', { min: 2, value: 5 }),
      countFlag('--neighbours <n>', 'queries that K-NN looks at', { value: 10 }),
      seedFlag(),
      ...modelOptions({ only: ['model'] }),
      textFlag('--chart <file>', 'write the deferral curves as SVG'),
      jsonFlag('the figures as JSON'),
    ],
  ).action(async (flags: RouterReportFlags) => {
    const { report } = await import('./report.ts');
    await report(context, flags);
  });

/** Makes the command `router`. */
export const routerCommand: MakeCommand = (context) => {
  const command = new CommandGroup('router')
    .description(
      'fit a router that chooses a reranker for each query, take rerankers on board, report its gain',
    )
    .addHelpText('after', help);
  for (const make of [fitCommand, onboardCommand, reportCommand]) command.addCommand(make(context));
  return command;
};
