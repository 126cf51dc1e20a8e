/** What tests of one file open, closed after each of them. */
import { afterEach } from 'vitest';

/** Gives a function that keeps what it is given until the test ends; what was opened last is closed first. */
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
