/** The card of an exported model: what the training's folder knows, and what only people know. */
import { type Recipe, type RunFacts, type TrainingResult, teacherName } from '../../../engine/laboratory.ts';
import type { TrainNotes } from './train.ts';

/** What a card is written from. */
export interface CardParts {
  readonly recipe: Recipe;
  readonly facts: RunFacts;
  readonly notes: TrainNotes;
  /** Absent for a training that has not ended. */
  readonly result: TrainingResult | undefined;
}

/** Markdown. */
export function modelCard({ recipe, facts, notes, result }: CardParts): string {
  const { kind, ...trained } = recipe.train;
  const { machine, versions, startedAt } = facts;
  return `${[
    '# A model trained with blockrank',
    `Started from the model \`${recipe.model}\`; trained: ${kind} (\`${JSON.stringify(trained)}\`).`,
    '## Data',
    table([
      ['collection', 'lists', 'queries left out'],
      ...notes.data.map(({ set, lists, leftOut }) => [
        set,
        String(lists),
        String(Object.values(leftOut).reduce((sum, count) => sum + count, 0)),
      ]),
    ]),
    `${notes.lists} lists were learnt from; ${notes.developmentLists} others, of queries that were not, were measured on.`,
    '**To be added by whoever passes this model on:** source, licence and attribution of each collection, and of the model it started from.',
    '## Figures',
    figures(result),
    'These figures chose the model. They are no evaluation: run `blockrank evaluate` on collections that it was neither trained nor chosen on.',
    '## Training',
    table([
      ['', ''],
      ['losses', `\`${JSON.stringify(recipe.losses)}\``],
      [
        'teacher',
        recipe.teacher
          ? recipe.teacher.map((each) => `${teacherName(each)} × ${each.weight}`).join(', ')
          : 'none',
      ],
      ['optimiser', `\`${JSON.stringify(recipe.optimiser)}\``],
      ['schedule', `\`${JSON.stringify(recipe.schedule)}\``],
      [
        'steps',
        `${recipe.steps} of ${recipe.lists.perStep} lists of up to ${recipe.lists.documents} documents`,
      ],
      ['seed', String(recipe.seed)],
      ['machine', `${machine.processor}, ${machine.cores} cores, ${machine.provider}`],
      [
        'versions',
        Object.entries(versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(', '),
      ],
      ['started', startedAt],
    ]),
    '## Limits',
    '**To be added:** languages, kinds of text, lengths and uses that it was not trained or measured for.',
  ].join('\n\n')}\n`;
}

function figures(result: TrainingResult | undefined): string {
  if (!result) return 'The training had not ended when this model was exported.';
  const { measure, start, best, interpolation, step } = result;
  if (start === undefined || !best) return `Nothing was measured; the model is that of step ${step}.`;
  const rows = [
    ['model', `${measure}, development set`],
    ['before', start.toFixed(4)],
    [`best, after ${best.step} steps`, best.value.toFixed(4)],
  ];
  if (interpolation) {
    rows.push([`this one, at weight ${interpolation.weight} between both`, interpolation.value.toFixed(4)]);
  }
  return table(rows);
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
