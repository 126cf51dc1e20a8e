/** What a pool and its workers say to each other, and what a worker's module gives. */

/** What workers load: a module that exports `open(data)`, and the data for it. */
export interface ProgramOptions {
  /** The module; its `open` gives a {@link WorkerProgram}. */
  readonly program: URL;
  /** Structured-cloneable data for `open`. */
  readonly data: unknown;
  /** ONNX Runtime's name of what runs, for errors. */
  readonly executionProvider: string;
}

/** What the module of a program opens inside each worker. */
export interface WorkerProgram<Request, Response> {
  /** Answers one request. */
  run(request: Request): Promise<Response>;
  /** Frees sessions and files. Not called when the thread itself ends. */
  close(): Promise<void>;
}

/** A message to a worker, which answers each before the next one is sent. */
export type WorkerMessage = { readonly programId: number } & (
  | { readonly kind: 'open'; readonly module: string; readonly data: unknown }
  | { readonly kind: 'run'; readonly request: unknown }
  | { readonly kind: 'close' }
);

/** What went wrong in a worker. */
export interface WorkerFailure {
  /** The error's message. */
  readonly message: string;
  /** Where it was thrown. */
  readonly stack?: string;
  /** Whether the request was at fault: a `TypeError` or `RangeError`. */
  readonly isCallerFault: boolean;
}

/** A worker's answer to one message. */
export interface AnswerMessage {
  /** What a task gave. */
  readonly response?: unknown;
  /** What went wrong in its place. */
  readonly failure?: WorkerFailure;
}
