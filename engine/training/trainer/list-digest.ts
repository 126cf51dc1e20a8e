/** Names the content of lists. */
import { createHash } from 'node:crypto';
import type { TrainingList } from './training-list.ts';

/** SHA-256 of lists in their order, with everything that learning reads of them, as hexadecimal. */
export function digestOfLists(lists: readonly TrainingList[]): string {
  const hash = createHash('sha256');
  for (const list of lists) hash.update(JSON.stringify(list, plainNumbers)).update('\n');
  return hash.digest('hex');
}

/** A typed array as JSON would have it is an object of places. */
const plainNumbers = (_: string, value: unknown): unknown =>
  value instanceof Float32Array ? Array.from(value) : value;
