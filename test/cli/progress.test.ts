import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cliContext } from '../../plugin/cli/context.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('progress that is piped', () => {
  it('says a line every half minute, and none once it is done', () => {
    const stderr = new PassThrough({ encoding: 'utf8' });
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: {}, argv: [] };
    const bar = cliContext(streams, new AbortController().signal).progress('nfcorpus', 323);
    bar.update(20);
    vi.advanceTimersByTime(29_000);
    expect(stderr.read()).toBeNull();
    vi.advanceTimersByTime(2_000);
    expect(stderr.read()).toBe('nfcorpus: 20 of 323 (6 %)\n');
    bar.update(40);
    vi.advanceTimersByTime(30_000);
    // 20 in a minute, and 283 are left.
    expect(stderr.read()).toBe('nfcorpus: 40 of 323 (12 %), ETA 15 min\n');
    bar.update(323);
    bar.stop();
    vi.advanceTimersByTime(300_000);
    expect(stderr.read()).toBeNull();
  });
});
