/** Counts the bytes that all requests hold together: a bound on each request alone would not bound the memory. */
import { ServiceFault } from './fault.ts';

/** The bytes that one request holds. */
export interface HeldBytes {
  /** Adds bytes that arrived. @throws ServiceFault `overloaded` when all requests together would hold too much. */
  add(bytes: number): void;
  /** Gives all bytes back. Bytes that arrive afterwards do not count: no later call would give them back. */
  release(): void;
}

/**
 * Opens a budget that is wholly free. @param limits - The bytes that all requests may hold, read anew each time, and a
 * listener to refusals.
 */
export function byteBudget(limits: { readonly maxBytes: () => number; readonly onRefused: () => void }): {
  open(): HeldBytes;
} {
  let heldByAll = 0;
  return {
    open() {
      let held = 0;
      let isOver = false;
      return {
        add(bytes) {
          if (isOver) return;
          if (heldByAll + bytes > limits.maxBytes()) {
            limits.onRefused();
            throw new ServiceFault(
              'overloaded',
              'The requests in hand take all the memory that is set apart for them. Try again later, or add replicas.',
              { retryAfterS: 1 },
            );
          }
          held += bytes;
          heldByAll += bytes;
        },
        release() {
          isOver = true;
          heldByAll -= held;
          held = 0;
        },
      };
    },
  };
}
