/** The error family: one class a cause, sorted by who can act. A caller's own bug is a plain `TypeError` or `RangeError` instead. */

/** Base of every error but programming mistakes: catching it never hides a bug. */
export class BlockRankError extends Error {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'BlockRankError';
  /** Stable, for programs: never changes with the wording of the message. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One thing that is wrong with a configuration. */
export interface ConfigurationIssue {
  /** The faulty part, as a dotted path; empty for the whole. */
  readonly path: string;
  /** The fault, and the accepted values. */
  readonly message: string;
}

/** Thrown when the operator configures something impossible. Thrown once, at construction, listing every issue. */
export class ConfigurationError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'ConfigurationError' as const;
  /** Every issue, in the order of the configuration. */
  readonly issues: readonly ConfigurationIssue[];

  constructor(what: string, issues: readonly ConfigurationIssue[], options?: ErrorOptions) {
    const lines = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super('configuration', `${what}: ${lines.join('; ')}`, options);
    this.issues = issues;
  }
}

/** Thrown when a model folder is incomplete, or is not what its files say. */
export class ModelFormatError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'ModelFormatError' as const;
  /** The file, or the folder. */
  readonly path: string;
  /** The form that this build reads. */
  readonly expected: string;
  /** What the file or folder holds instead. */
  readonly found: string;

  constructor(fault: { path: string; expected: string; found: string }, options?: ErrorOptions) {
    super(
      'model-format',
      `Cannot open model "${fault.path}": expected ${fault.expected}, found ${fault.found}.`,
      options,
    );
    this.path = fault.path;
    this.expected = fault.expected;
    this.found = fault.found;
  }
}

/** Thrown when the search server fails, does not answer, or answers something that is no search response. */
export class FirstStageError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'FirstStageError' as const;
  /** Name of the adapter that asked. */
  readonly adapter: string;
  /** HTTP status of the answer; absent when there was no answer. */
  readonly statusCode?: number;

  constructor(
    message: string,
    fault: { adapter: string; statusCode?: number | undefined },
    options?: ErrorOptions,
  ) {
    super('first-stage', message, options);
    this.adapter = fault.adapter;
    if (fault.statusCode !== undefined) this.statusCode = fault.statusCode;
  }
}

/** Thrown when the query holds no words. The caller acts; a stage passes the list unreranked. */
export class QueryError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'QueryError' as const;

  constructor(message: string, options?: ErrorOptions) {
    super('query', message, options);
  }
}

/** Thrown when the device or the runtime fails while computing. */
export class InferenceError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'InferenceError' as const;
  /** Name of ONNX Runtime's execution provider. */
  readonly executionProvider: string;

  constructor(message: string, fault: { executionProvider: string }, options?: ErrorOptions) {
    super('inference', message, options);
    this.executionProvider = fault.executionProvider;
  }
}

/** Thrown when a score step throws, or gives no ranking of the same candidates. The author of the step acts. */
export class ScoreStepError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'ScoreStepError' as const;
  /** 0-based index of the step among the steps. */
  readonly step: number;

  constructor(message: string, fault: { step: number }, options?: ErrorOptions) {
    super('score-step', message, options);
    this.step = fault.step;
  }
}

/** Thrown when a shortlist would take more memory than is allowed, before it runs. */
export class MemoryLimitError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'MemoryLimitError' as const;
  /** Bytes that the shortlist needs, estimated. */
  readonly neededBytes: number;
  /** Bytes that are allowed. */
  readonly allowedBytes: number;
  /** Whose memory it is: the process' own, or the card's. */
  readonly memory: 'host' | 'device';

  constructor(
    message: string,
    fault: { neededBytes: number; allowedBytes: number; memory?: 'host' | 'device' },
    options?: ErrorOptions,
  ) {
    super('memory-limit', message, options);
    this.neededBytes = fault.neededBytes;
    this.allowedBytes = fault.allowedBytes;
    this.memory = fault.memory ?? 'host';
  }
}

/** What stopped a training: a loss, gradient or weight that is no finite number; a disk that takes no more; a device without memory. */
export type TrainingFault = 'not-finite' | 'disk' | 'device-memory';

/** Thrown when a training stops before its end. The last checkpoint stays, and training goes on from it. */
export class TrainingError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'TrainingError' as const;
  /** What stopped it. */
  readonly fault: TrainingFault;
  /** 1-based number of the step that could not be done or kept; 0 where the start was to be written. */
  readonly step: number;
  /** Step of the checkpoint that training would go on from; absent before the first. */
  readonly checkpointStep?: number;

  constructor(
    message: string,
    fault: { fault: TrainingFault; step: number; checkpointStep?: number | undefined },
    options?: ErrorOptions,
  ) {
    super('training', message, options);
    this.fault = fault.fault;
    this.step = fault.step;
    if (fault.checkpointStep !== undefined) this.checkpointStep = fault.checkpointStep;
  }
}

/** The known facts of a remote service's failure. */
export interface RemoteFault {
  /** The service's address, without credentials or query string. */
  readonly url: string;
  /** HTTP status of the answer; absent when there was no answer. */
  readonly statusCode?: number | undefined;
  /** Whether the same request may succeed later: no answer, 408, 425, 429, 5xx. Anything else is a wrong configuration. */
  readonly isTransient: boolean;
  /** Wait that the service asks for before another try, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Thrown when a remote reranking service fails, does not answer, or answers something other than a ranking. */
export class RemoteServiceError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'RemoteServiceError' as const;
  /** The service's address, without credentials or query string. */
  readonly url: string;
  /** HTTP status of the answer; absent when there was no answer. */
  readonly statusCode?: number;
  /** Whether the same request may succeed later; otherwise the operator acts. */
  readonly isTransient: boolean;
  /** Wait that the service asks for before another try, in milliseconds; absent when it asks for none. */
  readonly retryAfterMs?: number;

  constructor(message: string, fault: RemoteFault, options?: ErrorOptions) {
    super(fault.isTransient ? 'remote-transient' : 'remote-configuration', message, options);
    this.url = fault.url;
    this.isTransient = fault.isTransient;
    if (fault.statusCode !== undefined) this.statusCode = fault.statusCode;
    if (fault.retryAfterMs !== undefined) this.retryAfterMs = fault.retryAfterMs;
  }
}

/** Thrown when the caller's time ran out. */
export class DeadlineExceededError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'DeadlineExceededError' as const;
  /** Allowed time, in milliseconds. */
  readonly deadlineMs: number;
  /** Time that had passed, in milliseconds. */
  readonly elapsedMs: number;
  /** The phase in which time ran out, for instance `first-stage`, `queue`, `rerank`. */
  readonly phase: string;

  constructor(fault: { deadlineMs: number; elapsedMs: number; phase: string }, options?: ErrorOptions) {
    super(
      'deadline',
      `Reranking exceeded its deadline of ${fault.deadlineMs} ms during "${fault.phase}" (${Math.round(fault.elapsedMs)} ms elapsed): raise deadlineMs, lower rankWindowSize, or keep block states.`,
      options,
    );
    this.deadlineMs = fault.deadlineMs;
    this.elapsedMs = fault.elapsedMs;
    this.phase = fault.phase;
  }
}

/** Thrown for a line of a qrels or run file that cannot be read. */
export class TrecFormatError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'TrecFormatError' as const;
  /** The file. */
  readonly path: string;
  /** 1-based line number. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;

  constructor(fault: { path: string; line: number; text: string; expected: string }, options?: ErrorOptions) {
    super(
      'trec-format',
      `Cannot read "${fault.path}", line ${fault.line}: expected ${fault.expected}, found ${JSON.stringify(fault.text.slice(0, 200))}.`,
      options,
    );
    this.path = fault.path;
    this.line = fault.line;
    this.text = fault.text;
  }
}

/** Thrown for a list of training documents that a loss cannot read. Whoever made the lists, or chose the loss, acts. */
export class TrainingListError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'TrainingListError' as const;
  /** Name of the list's collection. */
  readonly set: string;
  /** The list's query. */
  readonly queryId: string;

  constructor(
    list: { readonly set: string; readonly queryId: string },
    fault: { readonly doing: string; readonly problem: string },
  ) {
    super(
      'training-list',
      `Cannot ${fault.doing} for query "${list.queryId}" of "${list.set}": ${fault.problem}.`,
    );
    this.set = list.set;
    this.queryId = list.queryId;
  }
}
