/** Closes, after each test of a file, everything that the test opened. */
import { afterEach } from 'vitest';

/** Gives a function that keeps closable things until the test ends, and then closes the last one first. */
export function closedAfterEach(): <T extends { close(): Promise<unknown> }>(one: T) => T {
  const open: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });
  return (one) => {
    open.push(one);
    return one;
  };
}
