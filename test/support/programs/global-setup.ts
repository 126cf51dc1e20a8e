/** Builds the programs once, before the first test of a run asks for one. */
import { buildPrograms, prunePrograms } from './built.ts';

/** Called by vitest before a run. */
export function setup(): void {
  prunePrograms();
  buildPrograms();
}
