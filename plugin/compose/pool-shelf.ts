/** Keeps pools of workers by what runs on them, so that models of one base share its weights. */
import { openWorkerPool, type WorkerPool } from '../../engine/index.ts';

/** A pool that a holder has taken from the shelf. */
export interface HeldPool {
  /** The pool; only the shelf closes it. */
  readonly pool: WorkerPool;
  /** Gives the pool back; the shelf closes it when no other holder is left. A second call does nothing. */
  release(): Promise<void>;
}

interface Shelved {
  readonly pool: WorkerPool;
  users: number;
}

/** See the file's header. */
export class PoolShelf {
  readonly #open = new Map<string, Shelved>();

  /** Takes the pool of a name from the shelf, or opens it. @param workers - @defaultValue the processors at hand */
  take(name: string, workers: number | undefined): HeldPool {
    const shelved = this.#open.get(name) ?? {
      pool: openWorkerPool(workers === undefined ? {} : { workers }),
      users: 0,
    };
    this.#open.set(name, shelved);
    shelved.users += 1;
    let isHeld = true;
    return {
      pool: shelved.pool,
      release: async () => {
        if (!isHeld) return;
        isHeld = false;
        shelved.users -= 1;
        if (shelved.users > 0) return;
        this.#open.delete(name);
        await shelved.pool.close();
      },
    };
  }
}
