/** Texts to blocks in worker threads. */
import type { TaskOptions } from '../session/pool.ts';

/** One document as blocks of token ids, as a worker tokenises it. */
export interface TokenisedDocument {
  /** Ids of each block, special tokens included. */
  readonly blocks: readonly Int32Array[];
  /** Tokens that the caps cut away. */
  readonly truncatedTokens: number;
}

/** Workers that tokenise. */
export interface TokenisingWorkers {
  /** Turns texts into blocks. */
  tokenise(texts: readonly string[], options: TaskOptions): Promise<readonly TokenisedDocument[]>;
}

/** Texts tokenised in one task at most: small enough that workers share the work, large enough to be worth a message. */
export const textsPerTask = 16;

/** Tokenises texts in several tasks, which workers share. @param perTask - Texts of a task. */
export async function tokeniseInTasks(
  workers: TokenisingWorkers,
  texts: readonly string[],
  perTask: number = textsPerTask,
): Promise<TokenisedDocument[]> {
  const tasks: Promise<readonly TokenisedDocument[]>[] = [];
  for (let at = 0; at < texts.length; at += perTask)
    tasks.push(workers.tokenise(texts.slice(at, at + perTask), { priority: 1 }));
  return (await Promise.all(tasks)).flat();
}
