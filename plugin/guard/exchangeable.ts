/** Something that is used all the time and exchanged now and then. */

interface Held<T> {
  readonly value: T;
  users: number;
  /** Called once it was exchanged and its last user is done. */
  onUnused: (() => void) | undefined;
}

/** Whoever began with one value ends with it. */
export class Exchangeable<T> {
  #current: Held<T>;

  constructor(first: T) {
    this.#current = { value: first, users: 0, onUnused: undefined };
  }

  /** What is in use now. */
  get current(): T {
    return this.#current.value;
  }

  /** Does something with what is in use. */
  async use<R>(work: (value: T) => Promise<R>): Promise<R> {
    const held = this.#current;
    held.users += 1;
    try {
      return await work(held.value);
    } finally {
      held.users -= 1;
      if (held.users === 0) held.onUnused?.();
    }
  }

  /** Puts another in its place. @returns What was there, once nobody uses it any more. */
  async replace(next: T): Promise<T> {
    const held = this.#current;
    this.#current = { value: next, users: 0, onUnused: undefined };
    if (held.users > 0) {
      await new Promise<void>((resolve) => {
        held.onUnused = resolve;
      });
    }
    return held.value;
  }
}
