/** What a build on a real server says and leaves. */
import { expect } from 'vitest';
import type { StoredPair } from '../../support/servers/states-cluster.ts';

/** What `blockrank states build --json` prints. */
export interface BuildReport {
  readonly counts?: { readonly written: number };
  readonly estimate?: { readonly bytesPerDocument: number };
}

/** Every document has the state of its text. */
export function expectFresh(pairs: readonly StoredPair[]): void {
  expect(pairs.length).toBeGreaterThan(0);
  expect(pairs.filter(({ expected, stored }) => stored !== expected).map(({ id }) => id)).toEqual([]);
}
