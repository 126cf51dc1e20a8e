/** What every loss over one list's logits is made of: inputs of its own, and what they are fed. */
import { TrainingListError } from '../../errors.ts';
import { maskedLogit } from '../../graph/masked-logit.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, type Value } from '../../graph/value.ts';
import type { TrainingList } from '../trainer/training-list.ts';

/** A loss over the logits of one list. */
export interface ListLoss {
  /** The loss, float32 `[]`. @param logits - Of one list's documents, float32 `['documents']`. */
  value(logits: Value): Value;
  /** What the loss' inputs are fed for a list. @throws TrainingListError when the loss cannot read the list. */
  feeds(list: TrainingList): Readonly<Record<string, TensorValue>>;
}

/**
 * Documents that a loss leaves out as if they were not in the list: `none`; `unjudged`, those without a gain;
 * `above-positives`, those without a gain to which the teacher gives at least as much as to the lowest of the list's
 * documents with a gain above 0. The last two keep relevant documents that nobody judged from being pushed down.
 */
export type Hidden = 'none' | 'unjudged' | 'above-positives';

/** The axis of a list's documents. */
export const documents = 'documents';

/** One number a document, as an input of a loss. */
export const listInput = (name: string): Value => input(name, 'float32', [documents]);

/** One number for each two documents, as an input of a loss. */
export const pairInput = (name: string): Value => input(name, 'float32', [documents, documents]);

/** Feeds a {@link listInput}. */
export const listFeed = (data: Float32Array): TensorValue => ({
  type: 'float32',
  shape: [data.length],
  data,
});

/** Feeds a {@link pairInput} with `weight` of each two documents, row by row. */
export function pairFeed(count: number, weight: (i: number, j: number) => number): TensorValue {
  const data = Float32Array.from({ length: count * count }, (_, at) =>
    weight(Math.floor(at / count), at % count),
  );
  return { type: 'float32', shape: [count, count], data };
}

/** Gains of a list's documents; 0 where nobody judged. */
export const gainsOf = ({ documents: all }: TrainingList): number[] => all.map(({ gain }) => gain ?? 0);

/** 0 where a document counts, a very negative number where not: added to logits, it masks them. */
export const maskFeed = (counts: readonly boolean[]): TensorValue =>
  listFeed(Float32Array.from(counts, (does) => (does ? 0 : maskedLogit)));

/** Which documents a loss reads. @throws TrainingListError when all are hidden, or a teacher decides and the list has none. */
export function visibleDocuments(list: TrainingList, hidden: Hidden): boolean[] {
  const isVisible = unhidden(list, hidden);
  if (isVisible.includes(true)) return isVisible;
  throw unreadable(list, `expected documents that "${hidden}" does not hide, found none`);
}

function unhidden(list: TrainingList, hidden: Hidden): boolean[] {
  switch (hidden) {
    case 'none':
      return list.documents.map(() => true);
    case 'unjudged':
      return list.documents.map(({ gain }) => gain !== undefined);
    case 'above-positives': {
      const teacher = logitsOf(list, 'teacherLogits');
      const positives = teacher.filter((_, i) => (list.documents[i]!.gain ?? 0) > 0);
      const lowest = positives.reduce((least, logit) => Math.min(least, logit), Number.POSITIVE_INFINITY);
      return list.documents.map(({ gain }, i) => gain !== undefined || !(teacher[i]! >= lowest));
    }
    default:
      return hidden satisfies never;
  }
}

const makers = {
  teacherLogits: 'a teacher: give the recipe one',
  startLogits: 'the starting model: let it score the lists before training',
} as const;

/** A list's logits of another model. @throws TrainingListError when they are missing, too few, or not finite. */
export function logitsOf(list: TrainingList, name: keyof typeof makers): Float32Array {
  const logits = list[name];
  if (!logits) throw unreadable(list, `expected logits of ${makers[name]}, found none`);
  if (logits.length !== list.documents.length) {
    throw unreadable(
      list,
      `expected ${list.documents.length} ${name}, one a document, found ${logits.length}`,
    );
  }
  const wrong = logits.findIndex((logit) => !Number.isFinite(logit));
  if (wrong >= 0) {
    const { docId } = list.documents[wrong]!;
    throw unreadable(list, `expected finite ${name}, found ${logits[wrong]} for document "${docId}"`);
  }
  return logits;
}

/** The error of a list that a loss cannot read. */
export const unreadable = (list: TrainingList, problem: string): TrainingListError =>
  new TrainingListError(list, { doing: 'compute the loss', problem });
