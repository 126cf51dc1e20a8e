/** What a fit brought, as a report to read and one for programs. */
import type { CostReport } from './costs.ts';
import type { FitCrossValidation } from './cross-validate.ts';
import type { FitSettings } from './fit-settings.ts';
import type { EpochReport, FitChoice } from './fitted.ts';

/** Everything that a fit says about itself. */
export interface FitReport {
  /** The collection that was fitted to. */
  readonly collection: string;
  /** Where its candidates came from. */
  readonly candidates: string;
  /** The model before. */
  readonly model: string;
  /** Judged queries with a relevant document. */
  readonly queries: number;
  /** Those of them whose candidates are neither all relevant nor all not: what was learnt from. */
  readonly instructive: number;
  /** What was measured. */
  readonly measure: string;
  /** Decides splits and draws. */
  readonly seed: number;
  /** How it learnt. */
  readonly settings: FitSettings;
  /** What was chosen on the development lists. */
  readonly choice: FitChoice;
  /** What was written, where it is not {@link choice}. */
  readonly written: FitChoice;
  /** Every epoch, and the one whose weights were taken. */
  readonly epochs: readonly EpochReport[];
  /** See `FittedReadout.bestEpoch`. */
  readonly bestEpoch: number;
  /** What it gains on queries that it did not learn from. @defaultValue not measured */
  readonly crossValidation?: FitCrossValidation;
  /** What it costs on other collections. */
  readonly others: readonly CostReport[];
  /** See `keepingWeight`. @defaultValue there are no others */
  readonly keepingWeight?: number;
  /** Seconds that it took. */
  readonly seconds: number;
}

/** The report as Markdown. */
export function toMarkdown(report: FitReport): string {
  const { collection, candidates, model, queries, instructive, written } = report;
  const lines = [
    `# ${model}, fitted to ${collection}`,
    '',
    `${queries} judged queries (candidates: ${candidates}), ${instructive} of them with relevant and other documents among their candidates. ${Math.round(report.seconds)} s, seed ${report.seed}.`,
    '',
    `Written: ${toText(written)}. Chosen on development lists: ${toText(report.choice)}; best epoch ${report.bestEpoch} of ${report.epochs.length}.`,
    ...(report.bestEpoch === 0
      ? ['', 'No epoch had a smaller development loss than the start: weights stay.']
      : []),
    '',
    ...gains(report),
    ...costs(report),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function toText({ interpolation, fusionWeight, precedents }: FitChoice): string {
  const said = precedents
    ? `precedents of weight ${precedents.weight} and bandwidth ${precedents.bandwidth}`
    : 'no precedents';
  return `interpolation weight ${interpolation}, fusion weight ${fusionWeight}, ${said}`;
}

function gains({ crossValidation, measure }: FitReport): string[] {
  if (!crossValidation) {
    return [
      'What it gains on queries that it did not see was not measured: give `--cross-validate 5` (it fits five times more).',
      '',
    ];
  }
  const { folds, start, fitted, gain, p, queries } = crossValidation;
  return [
    `## On queries that it did not see (${folds.length}-fold cross-validation)`,
    '',
    `| | ${measure} |`,
    '|---|---|',
    `| before | ${start.toFixed(4)} |`,
    `| fitted | ${fitted.toFixed(4)} |`,
    `| gain | ${signed(gain.mean)} [${signed(gain.low)}, ${signed(gain.high)}], p ${p.toFixed(4)}, ${queries} queries |`,
    '',
    gain.low > 0
      ? 'A gain.'
      : gain.high < 0
        ? 'A loss: do not use this model.'
        : 'No difference to rely on: the model before is as good.',
    '',
  ];
}

function costs({ others, keepingWeight, measure, choice }: FitReport): string[] {
  if (others.length === 0) return [];
  // Without precedents the first column is the start.
  const first = choice.precedents ? 0 : 1;
  const weights = others[0]!.differences.slice(first).map(({ interpolation }) => interpolation);
  return [
    '## On other collections',
    '',
    `Difference in ${measure} by interpolation weight, with its 95 % interval.`,
    '',
    `| collection | queries | before | ${weights.join(' | ')} |`,
    `|---|---|---|${weights.map(() => '---|').join('')}`,
    ...others.map(({ set, queries, start, differences }) => {
      const cells = differences
        .slice(first)
        .map(({ mean, low, high }) => `${signed(mean)} [${signed(low)}, ${signed(high)}]`);
      return `| ${set} | ${queries} | ${start.toFixed(4)} | ${cells.join(' | ')} |`;
    }),
    '',
    `Largest weight up to the chosen one at which none of them loses for sure: ${keepingWeight}.`,
    '',
  ];
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
