/** How many bytes of requests the service holds at once, over all of them: a bound on each alone bounds nothing. */
import { ServiceFault } from './fault.ts';

/** What one request holds. */
export interface HeldBytes {
  /** Adds what came. @throws ServiceFault `overloaded` when all requests together would hold too much. */
  add(bytes: number): void;
  /** Gives all of it back. What comes afterwards is not counted any more: nobody would give it back. */
  release(): void;
}

/** Starts at nothing. @param limits - Bytes that all may hold, asked anew each time, and who is told of a refusal. */
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
