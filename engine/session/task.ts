/** Tasks on their way through a pool, and the programs that answer them. */
import type { ProgramOptions } from './messages.ts';

/** A program as the pool's slots know it. */
export interface ProgramEntry {
  /** Names it in messages. */
  readonly programId: number;
  /** What workers load. */
  readonly options: ProgramOptions;
}

/** One request to one program. */
export interface Task {
  /** Which program answers it. */
  readonly program: ProgramEntry;
  /** What is asked. */
  readonly request: unknown;
  /** Lower runs first. */
  readonly priority: number;
  /** Gets the answer. */
  readonly resolve: (response: unknown) => void;
  /** Gets what went wrong. */
  readonly reject: (error: unknown) => void;
  /** How often a worker was given it. */
  attempts: number;
  /** Stops listening to its signal. */
  unlisten: () => void;
}
