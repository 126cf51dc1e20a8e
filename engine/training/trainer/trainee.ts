/** The contract between the trainer, which knows no network, and what is trained. */
import type { AxisLengths } from '../../graph/live-bytes.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import type { TrainingList } from './training-list.ts';

/** One trained tensor. The trainer changes its numbers in place. */
export interface TrainedTensor {
  /** Lengths; `[]` is one number. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** Trained tensors by name, in a fixed order. */
export type TrainedTensors = ReadonlyMap<string, TrainedTensor>;

/**
 * A model, or a part of one, in training: a graph that reads one list and gives a logit a document, inputs of that graph
 * that are trained, and a way to write down what came out. One graph run reads one list; the trainer sums the gradients of a
 * step's lists.
 */
export interface Trainee {
  /** Trained tensors, holding the starting model. */
  readonly tensors: TrainedTensors;
  /** The same names as inputs of the graph, float32. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** Logits of one list's documents, in the list's order, float32 `['documents']`. Softmax of them is the mass of each. */
  readonly logits: Value;
  /** Losses that only this network has, such as the next-token loss, by name, float32 `[]`. @defaultValue none */
  readonly ownLosses?: Readonly<Record<string, Value>>;
  /** See `GradientOptions.kept`. @defaultValue none */
  readonly kept?: readonly Value[];
  /** Learning-rate factor by name of a trained tensor. @defaultValue 1 for each */
  readonly rateFactors?: Readonly<Record<string, number>>;
  /** Share of the first stage in the order that a model with some tensors serves, in [0, 1], over `logits`: for measuring it. @defaultValue 0 */
  fusionWeight?(tensors: TrainedTensors): number;
  /** Folder of the files that the graph's file tensors lie in. @defaultValue none: every tensor is fed */
  readonly folder?: string;
  /** Feeds of one list, all inputs but the trained ones and those of the losses. The same list gives the same numbers. */
  feeds(list: TrainingList): Promise<Readonly<Record<string, TensorValue>>>;
  /** Tokens that a list's feeds hold or stand for: query and documents as they were cut, without padding. */
  tokens(feeds: Readonly<Record<string, TensorValue>>): number;
  /** Lengths of the graph's axes that none of its inputs has, such as the sum of two others'. @defaultValue none */
  axes?(feeds: Readonly<Record<string, TensorValue>>): AxisLengths;
  /** Writes a model folder that serves the tensors. The folder is new. */
  save(folder: string, tensors: TrainedTensors): Promise<void>;
  /** Frees what it holds. */
  close(): Promise<void>;
}
