import { describe, expect, it } from 'vitest';
import {
  type BlockState,
  type CountedStateSource,
  decodeState,
  encodeState,
  memorySource,
  type StateKey,
} from '../../../engine/index.ts';
import {
  type StateSourceSubject,
  stateDamageTests,
  stateSourceSuite,
  type TestRunner,
} from '../../../plugin/testing/index.ts';

const keepsObjects = stateDamageTests.map((test) => ({ test, reason: 'it keeps states, not bytes' }));

/** Runs the suite on a runner of its own and says which rules were broken. */
async function brokenRules(open: () => StateSourceSubject, skip = keepsObjects): Promise<string[]> {
  const tests: { name: string; run: () => Promise<void> }[] = [];
  const register = (name: string, run: () => Promise<void>): void => void tests.push({ name, run });
  const runner: TestRunner = {
    describe: (_name, define) => define(),
    it: Object.assign(register, { skip: () => undefined }),
  };
  stateSourceSuite({ name: 'broken', open, skip, runner });
  const outcomes = await Promise.allSettled(tests.map(({ run }) => run()));
  return tests.filter((_test, i) => outcomes[i]?.status === 'rejected').map(({ name }) => name);
}

/** A memory whose calls are changed. */
function changed(change: Partial<CountedStateSource>): () => StateSourceSubject {
  return () => {
    const source = memorySource();
    const base: CountedStateSource = {
      get counts() {
        return source.counts;
      },
      getMany: (keys) => source.getMany(keys),
      putMany: (entries) => source.putMany(entries),
      close: () => source.close(),
    };
    return { source: Object.defineProperties(base, Object.getOwnPropertyDescriptors(change)) };
  };
}

describe('stateSourceSuite', () => {
  it('passes a sound source', async () => {
    expect(await brokenRules(changed({}))).toEqual([]);
  });

  it('catches a source that does not count', async () => {
    const counts = { found: 0, missed: 0, damaged: 0, foreign: 0, failed: 0 };
    expect(await brokenRules(changed({ counts }))).toEqual(['counts what it found and what it missed']);
  });

  it('catches a source that mixes up texts', async () => {
    const one = memorySource();
    const same = (key: StateKey): StateKey => ({ ...key, textDigest: 'same' });
    const mixing: Partial<CountedStateSource> = {
      getMany: (keys) => one.getMany(keys.map(same)),
      putMany: (entries) => one.putMany(entries.map(([key, state]) => [same(key), state] as const)),
    };
    expect(await brokenRules(changed(mixing))).toContain('tells encoders and texts apart');
  });

  it('catches a source that trusts whatever lies under a key', async () => {
    const kept = new Map<string, Uint8Array>();
    const own = new Map<string, StateKey>();
    const trusting: CountedStateSource = {
      counts: { found: 0, missed: 0, damaged: 0, foreign: 0, failed: 0 },
      getMany: async (keys) =>
        keys.map(({ textDigest }): BlockState | undefined => {
          const bytes = kept.get(textDigest);
          return bytes && decodeState(bytes, own.get(textDigest)!).state;
        }),
      putMany: async (entries) => {
        for (const [key, state] of entries) {
          own.set(key.textDigest, key);
          kept.set(key.textDigest, encodeState(key, state));
        }
      },
      close: async () => undefined,
    };
    const overwrite: StateSourceSubject['overwrite'] = async ({ textDigest }, change) => {
      kept.set(textDigest, change(kept.get(textDigest)!));
    };
    const broken = await brokenRules(() => ({ source: trusting, overwrite }), []);
    expect(broken).toContain('tells encoders and texts apart');
    expect(broken).toContain('misses and counts a state of another encoder');
  });

  it('refuses to skip a test that is not there', async () => {
    const skip = [{ test: 'flies', reason: 'no wings' }];
    await expect(brokenRules(changed({}), skip)).rejects.toThrow(RangeError);
  });
});
