/** A value that many users share and that is exchanged now and then. */

interface Held<T> {
  readonly value: T;
  users: number;
  /** Called once the value was exchanged and its last user is done. */
  onUnused: (() => void) | undefined;
}

/** Holds the current value; work that began with an older value ends with that one. */
export class Exchangeable<T> {
  #current: Held<T>;

  constructor(first: T) {
    this.#current = { value: first, users: 0, onUnused: undefined };
  }

  /** The value in use now. */
  get current(): T {
    return this.#current.value;
  }

  /** Runs work with the current value, which stays usable until the work ends. */
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

  /** Puts another value in place of the current one. @returns The former value, once its last user is done. */
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
