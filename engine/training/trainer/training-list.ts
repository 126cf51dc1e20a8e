/** What is learnt from: a query, its documents, and how good each one is. */

/** One document of a list. */
export interface TrainingDocument {
  /** Document id, unique in its list. */
  readonly docId: string;
  /** What the model reads. */
  readonly text: string;
  /** How relevant, >= 0; `undefined` where nobody judged it: it counts as 0 unless a loss hides it. */
  readonly gain?: number;
  /** The first stage's score; higher is better. @defaultValue none: fusion leaves the model's order */
  readonly firstStageScore?: number;
}

/** One query with the documents that compete for it. */
export interface TrainingList {
  /** Name of its collection. */
  readonly set: string;
  /** Query id, unique in its collection. */
  readonly queryId: string;
  /** What was asked. */
  readonly query: string;
  /** At least two. In no order that a model could learn: whoever makes lists shuffles them. */
  readonly documents: readonly TrainingDocument[];
  /** Gains of all judged documents of the query, descending, for the ideal order of a measure. @defaultValue the list's own */
  readonly idealGains?: readonly number[];
  /** Logits of a teacher, one a document, for the losses that distil. */
  readonly teacherLogits?: Float32Array;
  /** Logits of the model before training, one a document, for the loss that holds on to them. */
  readonly startLogits?: Float32Array;
}
