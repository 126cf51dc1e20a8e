/** The conformance tests of adapters. */

import type { Subject } from './adapter-check-tools.ts';
import { adapterChecks } from './adapter-checks.ts';
import type { SuiteSubject } from './adapter-subject.ts';
import { type SuiteSkip, type TestRunner, testRunner } from './test-runner.ts';

/** Options of {@link adapterSuite}. */
export interface AdapterSuiteOptions<Request, Response> {
  /** Names the group of tests. */
  readonly name: string;
  /** Opens the adapter under test over a store that holds exactly {@link suiteDocuments}; each test opens one. */
  readonly open: () => Promise<SuiteSubject<Request, Response>> | SuiteSubject<Request, Response>;
  /** Tests that this adapter cannot pass, by name, each with the reason, which is printed. @defaultValue `[]` */
  readonly skip?: readonly SuiteSkip[];
  /** Where tests are registered. @defaultValue vitest's, else the global `describe` and `it` */
  readonly runner?: TestRunner;
}

/**
 * Registers the conformance tests of an adapter for one implementation.
 *
 * @throws RangeError when `skip` names an unknown test.
 */
export function adapterSuite<Request, Response>(options: AdapterSuiteOptions<Request, Response>): void {
  const { name, open, skip = [] } = options;
  const { describe, it } = testRunner(options.runner);
  const unknown = skip.find(({ test }) => !Object.hasOwn(adapterChecks, test));
  if (unknown)
    throw new RangeError(`adapterSuite: expected skip to name a test of the suite, got "${unknown.test}".`);
  describe(`${name} as an adapter`, () => {
    for (const [rule, check] of Object.entries(adapterChecks)) {
      const run = async (): Promise<void> => {
        const subject = await open();
        try {
          await check(subject as Subject);
        } finally {
          await subject.close?.();
        }
      };
      const skipped = skip.find(({ test }) => test === rule);
      if (skipped) it.skip(`${rule} (skipped: ${skipped.reason})`, run);
      else it(rule, run);
    }
  });
}
