/** What `blockrank labels` prints for people. */
import {
  type Aggregation,
  aligned,
  type LabelBalance,
  type LabelReport,
  type MeasuredLabels,
} from '../../../engine/laboratory.ts';
import type { FittedLabels } from './label-runs.ts';

/** The report from the judgements alone. */
export function toReportText(report: LabelReport): string {
  const { pairs, dropped, labels, conflicts, predicted } = report;
  const names = labels.map(({ name }) => name);
  return [
    `${pairs} judged pairs, ${labels.length} labels${dropped > 0 ? `; ${dropped} pairs left out, since a label did not judge them` : ''}`,
    ...aligned([
      ['label', 'judged', 'relevant (pi)', 'weight (a)', 'with loss (alpha)', 'share'],
      ...labels.map(({ name, judged, marginal, weight, lossWeight, share }) => [
        name,
        String(judged),
        decimals(marginal),
        String(weight),
        lossWeight.toFixed(3),
        `${(100 * share).toFixed(1)} %`,
      ]),
    ]),
    '',
    ...aligned([
      ['where two disagree', 'first only', 'second only', 'of', 'with loss wins', 'weighted', 'sum, product'],
      ...conflicts.map(({ labels: [first, second], firstOnly, secondOnly, judged, winners }) => [
        `${first}, ${second}`,
        count(firstOnly),
        count(secondOnly),
        String(judged),
        judged === 0 ? '' : (winners.loss ?? 'tie'),
        judged === 0 ? '' : (winners.weighted ?? 'tie'),
        judged === 0 ? '' : 'tie',
      ]),
    ]),
    dictatorLine(report),
    '',
    'AUC of a model that learned the labels as they stand, over all pairs:',
    ...balanceTable(names, told(report, predicted)),
    ...worseLine(report.worseThanLoss, report, 'By these judgements'),
  ].join('\n');
}

/** With equal weights, `weighted` is `sum`. */
function isTold({ labels }: LabelReport, aggregation: string): boolean {
  return aggregation !== 'weighted' || labels.some(({ weight }) => weight !== labels[0]!.weight);
}

function told<T>(report: LabelReport, byAggregation: Readonly<Record<Aggregation, T>>): [string, T][] {
  return Object.entries(byAggregation).filter(([name]) => isTold(report, name));
}

function dictatorLine({ dictator, labels }: LabelReport): string {
  if (dictator === undefined) return 'With loss no label outweighs all others together.';
  const others = labels.length === 2 ? 'the other breaks its ties' : 'the others break its ties';
  return `With loss "${dictator}" decides alone wherever labels are certain; ${others}.`;
}

/** Each run by each label. */
export function toRunText(
  runs: ReadonlyMap<string, MeasuredLabels>,
  report: LabelReport,
  measure: string,
): string {
  const labels = report.labels.map(({ name }) => name);
  const head = ['AUC', ...labels, 'gap', 'min', measure, ...labels, 'gap', 'min'];
  const body = [...runs].map(([name, { auc, gap, min, ...measured }]) => [
    name,
    ...labels.map((label) => decimals(auc[label]!)),
    decimals(gap),
    decimals(min),
    '',
    ...labels.map((label) => decimals(measured.measure[label]!)),
    decimals(measured.measureGap),
    decimals(measured.measureMin),
  ]);
  return aligned([head, ...body]).join('\n');
}

/** What a fusion fitted by each aggregation is worth. */
export function toFittedText(fitted: FittedLabels, report: LabelReport): string {
  const names = report.labels.map(({ name }) => name);
  return [
    `AUC of a fusion of these orders, fitted by each aggregation, on held-out queries (${fitted.queries}):`,
    ...balanceTable(names, told(report, fitted.balances)),
    ...worseLine(fitted.worseThanLoss, report, 'After this fit'),
  ].join('\n');
}

function balanceTable(
  labels: readonly string[],
  balances: readonly (readonly [string, LabelBalance])[],
): string[] {
  return aligned([
    ['aggregation', ...labels, 'gap', 'min'],
    ...balances.map(([name, { auc, gap, min }]) => [
      name,
      ...labels.map((label) => decimals(auc[label]!)),
      decimals(gap),
      decimals(min),
    ]),
  ]);
}

function worseLine(all: readonly Aggregation[], report: LabelReport, when: string): string[] {
  const worse = all.filter((name) => isTold(report, name));
  if (worse.length === 0)
    return [`${when} no aggregation of labels serves its least served label worse than loss does.`];
  return [
    `${when} ${worse.join(', ')} ${worse.length > 1 ? 'are' : 'is'} the worse choice: the least served label is served worse than by loss.`,
  ];
}

const decimals = (value: number): string => value.toFixed(4);
const count = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));
