/** Keeps open rerankers by their settings, so that a reload opens none twice. */
import { type Reranker, wrapped } from '../../engine/index.ts';
import { openConfigured } from './open-configured.ts';
import type { OpenReranker } from './stage.ts';

/** A reranker that a holder has taken from the shelf. */
export interface HeldReranker {
  /** The reranker; only the shelf closes it. */
  readonly reranker: Promise<Reranker>;
  /** Gives the reranker back; the shelf closes it when no other holder is left. A second call does nothing. */
  release(): Promise<void>;
}

interface Shelved {
  readonly reranker: Promise<Reranker>;
  users: number;
}

/** See the file's header. */
export class RerankerShelf {
  readonly #open = new Map<string, Shelved>();
  readonly #closing = new Set<Promise<void>>();

  /** Takes the reranker of a name from the shelf, or opens it. */
  take(name: string, open: () => Promise<Reranker>): HeldReranker {
    const shelved = this.#open.get(name) ?? { reranker: open(), users: 0 };
    this.#open.set(name, shelved);
    shelved.users += 1;
    let isHeld = true;
    return {
      reranker: shelved.reranker,
      release: async () => {
        if (isHeld) this.#letGo(name, shelved);
        isHeld = false;
        await Promise.all(this.#closing);
      },
    };
  }

  /** Closes every open reranker. */
  async close(): Promise<void> {
    for (const [name, shelved] of [...this.#open]) this.#discard(name, shelved);
    await Promise.all(this.#closing);
  }

  #letGo(name: string, shelved: Shelved): void {
    shelved.users -= 1;
    if (shelved.users === 0 && this.#open.get(name) === shelved) this.#discard(name, shelved);
  }

  #discard(name: string, { reranker }: Shelved): void {
    this.#open.delete(name);
    const closed = reranker.then((open) => open.close()).catch(() => undefined);
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }
}

/** Opens rerankers from a shelf: those whose settings stay the same stay open from one configuration to the next. */
export function shelfOpener(shelf: RerankerShelf): OpenReranker {
  return async (config) => {
    const held = shelf.take(JSON.stringify(config), () => openConfigured(config));
    try {
      const reranker = await held.reranker;
      // Closing the reranker gives it back to the shelf.
      return wrapped(reranker, { close: held.release });
    } catch (error) {
      await held.release();
      throw error;
    }
  };
}
