/**
 * Reads as much of a list as fits into a time: parts in the order of their documents' importance, as many at once as
 * there are workers, none that would not be finished in time. Knows of documents their order and size alone.
 */
import { longestTimerMs } from '../longest-timer.ts';
import type { ReadingPace } from './reading-pace.ts';

/** Options of {@link readInTime}. */
export interface TimedReading {
  /** Tokens of each document, about; the most important document first. */
  readonly tokens: readonly number[];
  /** Parts that are read at once. */
  readonly lanes: number;
  /** Tokens of one part at most; a longer document is a part of its own. */
  readonly batchTokens: number;
  /** How long tokens take; learns from this reading. */
  readonly pace: ReadingPace;
  /** When reading ends, on the clock of `now`. */
  readonly untilMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Ends the reading before its time; the call then rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
  /**
   * Reads a part: indices of {@link tokens}. Rejects when the signal aborts.
   *
   * @param signal - Aborts when time is up or the caller gave up.
   */
  readonly read: (part: readonly number[], signal: AbortSignal) => Promise<void>;
}

interface Part {
  readonly indices: readonly number[];
  /** What the part costs one lane: its documents, padded to the longest of them, in tokens. */
  readonly paddedTokens: number;
}

/** Batches for each lane among which documents of like length are sought, so that padding is small. */
const batchesAhead = 2;

/** Resolves when all is read or the time is up. Rejects with the error of a part that failed for another reason. */
export async function readInTime(reading: TimedReading): Promise<void> {
  const { tokens, lanes, untilMs, now } = reading;
  const leftMs = untilMs - now();
  if (tokens.length === 0 || leftMs <= 0) return;
  const late = new AbortController();
  const timer = leftMs <= longestTimerMs ? setTimeout(() => late.abort(isLate), leftMs) : undefined;
  const signal = reading.signal ? AbortSignal.any([reading.signal, late.signal]) : late.signal;
  const pending = tokens.map((_, index) => index);
  try {
    if (isAmple(reading, leftMs)) await readPart(reading, wholeOf(reading), signal);
    else await Promise.all(Array.from({ length: lanes }, () => readLane(reading, pending, signal)));
  } catch (error) {
    if (error === isLate) return;
    late.abort(error); // the other lanes read for nobody
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const isLate = new DOMException('The time for reading is up.', 'TimeoutError');

/** Whether there is so much time that the list is better read as one part, whose batches are planned together. */
export function isAmple(
  { tokens, lanes, pace }: Pick<TimedReading, 'tokens' | 'lanes' | 'pace'>,
  leftMs: number,
): boolean {
  const timeTokens = pace.tokensIn(leftMs);
  const used = Math.min(lanes, tokens.length);
  return timeTokens * used >= 2 * sum(tokens) && timeTokens >= Math.max(...tokens);
}

function wholeOf({ tokens, lanes }: TimedReading): Part {
  return { indices: [...tokens.keys()], paddedTokens: sum(tokens) / Math.min(lanes, tokens.length) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Reads part after part, until none is left that fits. */
async function readLane(reading: TimedReading, pending: number[], signal: AbortSignal): Promise<void> {
  for (let part = takePart(reading, pending); part; part = takePart(reading, pending)) {
    await readPart(reading, part, signal);
  }
}

async function readPart({ pace, now, read }: TimedReading, part: Part, signal: AbortSignal): Promise<void> {
  const startedMs = now();
  try {
    await read(part.indices, signal);
    pace.note(part.paddedTokens, now() - startedMs);
  } catch (error) {
    if (error === isLate) pace.noteLate(part.paddedTokens, now() - startedMs);
    throw error;
  }
}

/** Takes the first document that fits, and with it those of like length that would be read in the time as well. */
function takePart(reading: TimedReading, pending: number[]): Part | undefined {
  const { tokens, lanes, batchTokens, pace, untilMs, now } = reading;
  const timeTokens = pace.tokensIn(untilMs - now());
  const first = pending.find((index) => tokens[index]! <= timeTokens);
  if (first === undefined) return undefined;
  const most = Math.max(Math.min(batchTokens, timeTokens), tokens[first]!);
  const ahead = within(pending, tokens, lanes * Math.min(timeTokens, batchesAhead * batchTokens));
  const distance = (index: number): number => Math.abs(tokens[index]! - tokens[first]!);
  const others = ahead.filter((index) => index !== first).sort((a, b) => distance(a) - distance(b) || a - b);
  const indices = [first];
  let longest = tokens[first]!;
  for (const index of others) {
    const padded = Math.max(longest, tokens[index]!) * (indices.length + 1);
    if (padded > most) continue;
    longest = Math.max(longest, tokens[index]!);
    indices.push(index);
  }
  for (const index of indices) pending.splice(pending.indexOf(index), 1);
  return { indices, paddedTokens: longest * indices.length };
}

/** The leading documents that have at most so many tokens together. */
function within(pending: readonly number[], tokens: readonly number[], most: number): readonly number[] {
  let filled = 0;
  const end = pending.findIndex((index) => {
    filled += tokens[index]!;
    return filled > most;
  });
  return end === -1 ? pending : pending.slice(0, end);
}
