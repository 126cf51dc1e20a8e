/** Options that `blockrank train` takes without a recipe only. */
import { Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { candidatesFlag, countFlag, seedFlag, textFlag, windowFlag } from './laboratory-flags.ts';

/** The options. */
export function fitFlags(): readonly Flag[] {
  return [
    textFlag('--data <folder>', 'collection with the judgements to fit to'),
    candidatesFlag(),
    windowFlag(100, { min: 2 }),
    ...modelOptions({
      only: ['model', 'precision'],
      forms: { model: { help: 'model folder to start from' } },
    }),
    countFlag('--cross-validate <folds>', 'measure what it gains on queries that it did not see', { min: 2 }),
    textFlag('--also <folders...>', 'collections on which it is measured what the fit costs'),
    textFlag('--also-candidates <name>', 'their first stage', 'embedded'),
    textFlag(
      '--interpolation <weight>',
      'write this weight between start (0) and end (1), not the chosen one',
    ),
    new Flag('--no-precedents', {
      type: 'switch',
      help: 'do not keep what was judged relevant for the sake of similar queries',
    }),
    seedFlag(),
  ];
}
