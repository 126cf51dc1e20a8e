/** A session that is loaded when it is first asked for. */
import type { GraphSession } from '../../session/runtime.ts';

/** See the file's header. */
export class LateSession {
  readonly #load: () => Promise<GraphSession>;
  #loaded: Promise<GraphSession> | undefined;

  /** @param load - Loads it; tried again with the next one who asks where that fails. */
  constructor(load: () => Promise<GraphSession>) {
    this.#load = load;
  }

  /** The session, one for all who ask. */
  open(): Promise<GraphSession> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  /** Frees it where it was loaded. */
  async release(): Promise<void> {
    await (await this.#loaded)?.release();
  }
}
