/** The test runner of the suites: any runner with `describe` and `it`. */

/** The two functions that a suite needs of a test runner; vitest, Jest, Mocha and `node:test` have them. */
export interface TestRunner {
  /** Opens a group of tests. */
  readonly describe: (name: string, define: () => void) => unknown;
  /** Registers one test. */
  readonly it: ((name: string, run: () => Promise<void>) => unknown) & {
    /** Registers a test that is not run. */
    readonly skip: (name: string, run: () => Promise<void>) => unknown;
  };
}

/** A test that is not run. */
export interface SuiteSkip {
  /** Its name. */
  readonly test: string;
  /** The reason, which is printed. */
  readonly reason: string;
}

// Imported only inside vitest, so that this module loads where vitest is not installed.
const vitest = process.env['VITEST'] ? await import('vitest') : undefined;

/**
 * The given runner, else vitest when it runs this file, else the global `describe` and `it`.
 *
 * @throws TypeError when there is none.
 */
export function testRunner(given: TestRunner | undefined): TestRunner {
  const globals = globalThis as Partial<TestRunner>;
  const { describe, it } = given ?? vitest ?? globals;
  if (describe && it) return { describe, it };
  throw new TypeError(
    'testRunner: expected a test runner, got none; run the suite inside vitest or Jest, or pass `runner: { describe, it }` of node:test.',
  );
}
