/** The figures that are promised on one data-centre card, from what the parts found. */
import { atLeast, atMost, type Check } from '../support/bench.ts';
import { type Figures, figureAt, numberAt } from './part.ts';
import type { StepLine } from './run-step.ts';

const lists = [25, 50, 100, 250, 500];
const encoderLists = [100, 500];

/** Every promise; the value is null where a part that it needs did not run, or did not come that far. */
export function checksOf(lines: readonly StepLine[]): Check[] {
  const figuresOf = (part: string, variant?: string): Figures | undefined =>
    lines.find((line) => line.part === part && (variant === undefined || line.variant === variant))?.figures;
  const peer = figuresOf('peer');
  const block = figuresOf('block', 'one-run');
  const full = figuresOf('full', 'one-run');
  const blockMs = (count: number): number | null => numberAt(block, 'byDocuments', count, 'ms');
  const overPeer = lists.map((count) => ratio(blockMs(count), numberAt(peer, 'block', count, 'ms')));
  const whole = (count: number): number | null => numberAt(full, 'byDocuments', count, 'wholeOverBlock');
  const seconds = blockMs(500);
  return [
    atMost("blocks / PyTorch's blocks with its flash kernel, the worst list", worst(overPeer), 1),
    atMost('500 documents of 115 tokens as blocks, seconds', seconds === null ? null : seconds / 1000, 1),
    atLeast('linear from 25 to 500 documents, R^2', numberAt(block, 'linearity'), 0.9995),
    atLeast(
      'products alone / blocks, 100 documents',
      numberAt(block, 'byDocuments', 100, 'productsShare'),
      0.7,
    ),
    atLeast('the whole text / blocks, 100 documents', whole(100), 1.9),
    atLeast('the whole text / blocks, 500 documents', whole(500), 3),
    atMost(
      "the encoder cold / PyTorch's in float16 with tokenising and states on the host, the worse list",
      worst(encoderLists.map((count) => ratio(coldMs(lines, count), torchEncoderMs(peer, count)))),
      1.3,
    ),
  ];
}

const ratio = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a / b;

/** The largest, if all were measured. */
function worst(values: readonly (number | null)[]): number | null {
  const measured = values.filter((value) => value !== null);
  return measured.length < values.length ? null : Math.max(...measured);
}

/** The shortest cold time on the card, over types and batches. */
function coldMs(lines: readonly StepLine[], count: number): number | null {
  const times = lines
    .filter((line) => line.part === 'encoder' && line['device'] === 'cuda')
    .flatMap(({ figures }) => {
      const byBatch = figureAt(figures, 'byDocuments', count, 'byBatchTokens') as Figures | undefined;
      return Object.keys(byBatch ?? {}).map((size) => numberAt(byBatch, size, 'coldMs'));
    })
    .filter((ms) => ms !== null);
  return times.length === 0 ? null : Math.min(...times);
}

function torchEncoderMs(peer: Figures | undefined, count: number): number | null {
  const [tokenising, states] = ['tokeniseMs', 'withStatesToHostMs'].map((name) =>
    numberAt(peer, 'encoder', 'float16', count, name),
  );
  return tokenising == null || states == null ? null : tokenising + states;
}
