/** Registers tests of every real server that can run here, and prints why the others cannot. */
import { describe } from 'vitest';
import { missingFor, type ServerChoice, servers } from './start.ts';

/**
 * Registers a suite for each server. @param suite - Name of the suite; `%s` stands for the server's.
 *
 * @param choices - The servers that the suite is about.
 */
export function describeServers(
  suite: string,
  tests: (choice: ServerChoice) => void,
  choices: readonly ServerChoice[] = servers,
): void {
  for (const choice of choices) {
    const missing = missingFor(choice);
    const name = suite.replace('%s', `${choice.product} ${choice.version}`);
    if (missing) console.log(`Skipping ${name}: ${missing}.`);
    describe.skipIf(missing)(name, () => tests(choice));
  }
}
