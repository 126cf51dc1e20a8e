import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReadingPace } from '../../../engine/states/reading-pace.ts';
import { readInTime, type TimedReading } from '../../../engine/states/timed-reading.ts';

/** Workers on a clock of the test: a part takes its cost times the speed, and ends in its turn. */
function clockedReading(msPerToken: number) {
  let nowMs = 0;
  const running: { readonly endsMs: number; readonly end: () => void }[] = [];
  const starts: (readonly number[])[] = [];
  const read = (part: readonly number[], cost: number): Promise<void> => {
    starts.push(part);
    return new Promise((end) => running.push({ endsMs: nowMs + cost * msPerToken, end }));
  };
  /** Lets the part that ends next end. */
  const step = async (): Promise<void> => {
    const next = running.toSorted((a, b) => a.endsMs - b.endsMs)[0]!;
    running.splice(running.indexOf(next), 1);
    nowMs = Math.max(nowMs, next.endsMs);
    next.end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { now: () => nowMs, read, step, starts, running };
}

/** A part is padded to its longest document; a whole list is cut into batches, which the lanes share. */
function costOf(part: readonly number[], { tokens, lanes }: Pick<TimedReading, 'tokens' | 'lanes'>): number {
  const lengths = part.map((index) => tokens[index]!);
  const longest = Math.max(...lengths);
  const isWhole = part.length === tokens.length;
  return isWhole
    ? Math.max(longest, lengths.reduce((sum, one) => sum + one, 0) / lanes)
    : longest * part.length;
}

/** Reads a list to its end and says when that was on the test's clock. */
async function run(
  given: Pick<TimedReading, 'tokens' | 'lanes' | 'batchTokens' | 'untilMs'>,
  msPerToken: number,
): Promise<{ readonly starts: readonly (readonly number[])[]; readonly endedMs: number }> {
  const clock = clockedReading(msPerToken);
  const pace = new ReadingPace(given.batchTokens);
  pace.note(1000, 1000 * msPerToken);
  let isOver = false;
  const done = readInTime({
    ...given,
    pace,
    now: clock.now,
    signal: undefined,
    read: (part) => clock.read(part, costOf(part, given)),
  }).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  while (!isOver && clock.running.length > 0) await clock.step();
  await done;
  return { starts: clock.starts, endedMs: clock.now() };
}

const list = fc.record({
  tokens: fc.array(fc.integer({ min: 2, max: 300 }), { maxLength: 60 }),
  lanes: fc.integer({ min: 1, max: 4 }),
  batchTokens: fc.integer({ min: 32, max: 600 }),
});

describe('readInTime', () => {
  it('reads no document twice, and nothing that would not be finished in time', async () => {
    const time = fc.constantFrom(-5, 0, 0.01, 5, 60, 400, 3000, 50_000);
    await fc.assert(
      fc.asyncProperty(list, time, async (given, untilMs) => {
        const { starts, endedMs } = await run({ ...given, untilMs }, 0.5);
        const read = starts.flat();
        expect(new Set(read).size).toBe(read.length);
        expect(endedMs).toBeLessThanOrEqual(Math.max(0, untilMs));
      }),
      { numRuns: 150 },
    );
  });

  it('reads everything when there is time for everything', async () => {
    await fc.assert(
      fc.asyncProperty(list, async (given) => {
        const { starts } = await run({ ...given, untilMs: 1e9 }, 0.5);
        expect(starts.flat().sort((a, b) => a - b)).toEqual([...given.tokens.keys()]);
      }),
      { numRuns: 50 },
    );
  });

  it('reads the leading documents of a list of equal ones, whatever the time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4000 }),
        async (lanes, untilMs) => {
          const tokens = new Array<number>(50).fill(70);
          const { starts } = await run({ tokens, lanes, batchTokens: 384, untilMs }, 0.5);
          const read = starts.flat().sort((a, b) => a - b);
          expect(read).toEqual([...read.keys()]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leaves out a document that is too long for the time and reads the next one', async () => {
    const { starts } = await run({ tokens: [500, 20, 20], lanes: 1, batchTokens: 384, untilMs: 60 }, 0.5);
    expect(starts.flat()).toEqual([1, 2]);
  });

  it('answers when the time is up though a part hangs, and plans the next list smaller', async () => {
    const pace = new ReadingPace(100);
    const before = pace.tokensIn(1000);
    const tokens = [4, 4];
    const hanging = (_part: readonly number[], signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const untilMs = performance.now() + 25;
    const now = (): number => performance.now();
    await readInTime({
      tokens,
      lanes: 1,
      batchTokens: 100,
      pace,
      untilMs,
      now,
      signal: undefined,
      read: hanging,
    });
    expect(pace.tokensIn(1000)).toBeLessThan(before);
  });

  it('rejects with the reason of the caller, and with the error of a part', async () => {
    const reading = { tokens: [4, 4], lanes: 2, batchTokens: 4, untilMs: 1e9, now: () => 0 };
    const stop = new AbortController();
    const stopped = readInTime({
      ...reading,
      pace: new ReadingPace(4),
      signal: stop.signal,
      read: (_part, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    stop.abort(new Error('the user left'));
    await expect(stopped).rejects.toThrow('the user left');
    const broken = readInTime({
      ...reading,
      pace: new ReadingPace(4),
      signal: undefined,
      read: async () => {
        throw new Error('the device is gone');
      },
    });
    await expect(broken).rejects.toThrow('the device is gone');
  });
});
