/** The conformance tests of sources of block states. */
import assert from 'node:assert/strict';
import type { CountedStateSource, StateKey } from '../../engine/index.ts';
import { damageChecks } from './state-source-damage.ts';
import { assertSameState, keyOf, shapes, stateOf } from './state-source-states.ts';
import { type SuiteSkip, type TestRunner, testRunner } from './test-runner.ts';

/** A source under test. */
export interface StateSourceSubject {
  /** The source; empty. */
  readonly source: CountedStateSource;
  /** Replaces the bytes under a key by the result of `change`; absent where the source keeps no bytes. */
  readonly overwrite?: (key: StateKey, change: (bytes: Uint8Array) => Uint8Array) => Promise<void>;
  /** Frees the store below the source, after the source was closed. */
  readonly close?: () => Promise<void>;
}

/** Options of {@link stateSourceSuite}. */
export interface StateSourceSuiteOptions {
  /** Names the group of tests. */
  readonly name: string;
  /** Opens an empty source; each test opens one and closes it. */
  readonly open: () => Promise<StateSourceSubject> | StateSourceSubject;
  /** Tests that this source cannot pass, by name, each with the reason, which is printed. @defaultValue `[]` */
  readonly skip?: readonly SuiteSkip[];
  /** Where tests are registered. @defaultValue vitest's, else the global `describe` and `it` */
  readonly runner?: TestRunner;
}

type Check = (subject: StateSourceSubject) => Promise<void>;

const checks: Readonly<Record<string, Check>> = {
  'has nothing before anything was kept': async ({ source }) => {
    assert.deepEqual(await source.getMany([keyOf('a'), keyOf('b')]), [undefined, undefined]);
  },
  'takes and gives empty lists': async ({ source }) => {
    await source.putMany([]);
    assert.deepEqual(await source.getMany([]), []);
  },
  'gives states in the order of the keys, as often as they are asked for': async ({ source }) => {
    await source.putMany([
      [keyOf('a'), stateOf(1)],
      [keyOf('b'), stateOf(2)],
    ]);
    const found = await source.getMany(['b', 'none', 'a', 'b'].map((text) => keyOf(text)));
    assert.equal(found[1], undefined);
    for (const [at, seed] of [
      [0, 2],
      [2, 1],
      [3, 2],
    ] as const)
      assertSameState(found[at], stateOf(seed));
  },
  'keeps every shape of state': async ({ source }) => {
    const entries = shapes.map((state, i) => [keyOf(`shape ${i}`), state] as const);
    await source.putMany(entries);
    const found = await source.getMany(entries.map(([key]) => key));
    shapes.forEach((state, i) => {
      assertSameState(found[i], state);
    });
  },
  'replaces a state by a later one of the same key': async ({ source }) => {
    await source.putMany([[keyOf('a'), stateOf(1)]]);
    await source.putMany([[keyOf('a'), stateOf(2)]]);
    const [found] = await source.getMany([keyOf('a')]);
    assertSameState(found, stateOf(2));
  },
  'tells encoders and texts apart': async ({ source }) => {
    const keys = [keyOf('a'), keyOf('b'), keyOf('a', 'another encoder')];
    await source.putMany(keys.map((key, i) => [key, stateOf(i)] as const));
    const found = await source.getMany(keys);
    keys.forEach((_, i) => {
      assertSameState(found[i], stateOf(i));
    });
  },
  "tells tenants apart, and what is nobody's from either": async ({ source }) => {
    const keys = [keyOf('a'), { ...keyOf('a'), tenant: 'one' }, { ...keyOf('a'), tenant: 'other' }];
    await source.putMany([[keys[1]!, stateOf(1)]]);
    assert.deepEqual(
      (await source.getMany(keys)).map((state) => state !== undefined),
      [false, true, false],
    );
    await source.putMany(keys.map((key, i) => [key, stateOf(i)] as const));
    const found = await source.getMany(keys);
    keys.forEach((_, i) => {
      assertSameState(found[i], stateOf(i));
    });
  },
  'keeps many states at once': async ({ source }) => {
    const entries = Array.from({ length: 500 }, (_, i) => [keyOf(`many ${i}`), stateOf(i)] as const);
    await source.putMany(entries);
    const found = await source.getMany(entries.map(([key]) => key));
    entries.forEach(([, state], i) => {
      assertSameState(found[i], state);
    });
  },
  'may be called concurrently': async ({ source }) => {
    const texts = Array.from({ length: 40 }, (_, i) => `at once ${i}`);
    await Promise.all(texts.map((text, i) => source.putMany([[keyOf(text), stateOf(i)]])));
    const found = await Promise.all(texts.map((text) => source.getMany([keyOf(text)])));
    texts.forEach((_, i) => {
      assertSameState(found[i]?.[0], stateOf(i));
    });
  },
  'leaves a state that it keeps as it is': async ({ source }) => {
    const state = Object.freeze(stateOf(3));
    await source.putMany([[keyOf('a'), state]]);
    await source.getMany([keyOf('a')]);
    assert.deepEqual(state, stateOf(3));
  },
  'counts what it found and what it missed': async ({ source }) => {
    await source.putMany([[keyOf('a'), stateOf(1)]]);
    await source.getMany([keyOf('a'), keyOf('none'), keyOf('a')]);
    await source.getMany([keyOf('none')]);
    assert.deepEqual(source.counts, { found: 2, missed: 2, damaged: 0, foreign: 0, failed: 0 });
  },
  'rejects with a TypeError after it was closed, and may be closed twice': async ({ source }) => {
    await source.close();
    await assert.rejects(source.getMany([keyOf('a')]), TypeError);
    await assert.rejects(source.putMany([[keyOf('a'), stateOf(1)]]), TypeError);
    await source.close();
  },
  ...damageChecks,
};

/**
 * Registers the conformance tests of a source of block states for one implementation.
 *
 * @throws RangeError when `skip` names an unknown test.
 */
export function stateSourceSuite(options: StateSourceSuiteOptions): void {
  const { name, open, skip = [] } = options;
  const { describe, it } = testRunner(options.runner);
  const unknown = skip.find(({ test }) => !Object.hasOwn(checks, test));
  if (unknown)
    throw new RangeError(
      `stateSourceSuite: expected skip to name a test of the suite, got "${unknown.test}".`,
    );
  describe(`${name} as a source of block states`, () => {
    for (const [rule, check] of Object.entries(checks)) {
      const run = async (): Promise<void> => {
        const subject = await open();
        try {
          await check(subject);
        } finally {
          await subject.source.close();
          await subject.close?.();
        }
      };
      const skipped = skip.find(({ test }) => test === rule);
      if (skipped) it.skip(`${rule} (skipped: ${skipped.reason})`, run);
      else it(rule, run);
    }
  });
}

/** Names of the tests that need {@link StateSourceSubject.overwrite}: a source that keeps no bytes skips them. */
export const stateDamageTests: readonly string[] = Object.keys(damageChecks);
