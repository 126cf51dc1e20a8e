/** What a bench is, and what it says. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ExecutionProvider } from '../../engine/session/runtime.ts';
import type { ShapeName } from './decoder-shape.ts';

/** A figure that the project promises. */
export interface Check {
  /** What is measured. */
  readonly name: string;
  /** What came out; null when nothing was measured. */
  readonly value: number | null;
  /** What is promised. */
  readonly target: number;
  /** Whether more is better. */
  readonly atLeast: boolean;
}

/** What a bench found: figures by name, and the promised ones once more. */
export interface BenchResult {
  /** Plain data, printed as it is. */
  readonly figures: Readonly<Record<string, unknown>>;
  /** Promised figures. They are printed and decide nothing: machines differ. */
  readonly checks: readonly Check[];
}

/** What a bench may be told on the command line. */
export interface BenchOptions {
  /** What computes. @defaultValue `'cpu'`; of `gpu` each part's own */
  readonly device?: ExecutionProvider;
  /** The decoder's shape. @defaultValue `'mistral'` */
  readonly shape?: ShapeName;
  /** Parts to run. @defaultValue all */
  readonly parts?: readonly string[];
  /** Prints what one part found before the others have ended. */
  readonly tell: (line: object) => void;
}

/** One bench. */
export interface Bench {
  /** What it measures, in one sentence. */
  readonly about: string;
  /** Options that it takes; others are refused. @defaultValue none */
  readonly takes?: readonly (keyof Omit<BenchOptions, 'tell'>)[];
  /** What `parts` may be. */
  readonly parts?: readonly string[];
  /** Whether it runs only when it is named, since it needs what most machines lack. @defaultValue false */
  readonly isByNameOnly?: boolean;
  /** Measures. @param note - Tells people what is going on. */
  run(note: (text: string) => void, options: BenchOptions): Promise<BenchResult>;
}

/** At least this much is promised. */
export const atLeast = (name: string, value: number | null, target: number): Check => ({
  name,
  value,
  target,
  atLeast: true,
});

/** At most this much is promised. */
export const atMost = (name: string, value: number | null, target: number): Check => ({
  name,
  value,
  target,
  atLeast: false,
});

/** Whether the promise is kept here; null when nothing was measured. */
export function holds({ value, target, atLeast: more }: Check): boolean | null {
  if (value === null) return null;
  return more ? value >= target : value <= target;
}

/** Processors that this process may use: what all contenders share. */
export const threads: number = availableParallelism();

/** Whether the processor multiplies 512 bits at once; undefined where the system does not say. */
export function hasAvx512(): boolean | undefined {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
  } catch {
    return undefined; // not Linux
  }
}

/** The machine, the date and the versions that a figure belongs to. */
export function circumstances(): Readonly<Record<string, unknown>> {
  return {
    date: new Date().toISOString(),
    machine: {
      processor: cpus()[0]?.model.trim(),
      processors: threads,
      avx512: hasAvx512(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${platform()} ${release()}`,
    },
    versions: {
      node: process.version,
      blockrank: versionOf('../../package.json'),
      'onnxruntime-node': versionOf('../../node_modules/onnxruntime-node/package.json'),
    },
  };
}

function versionOf(path: string): string {
  return JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')).version;
}

/** A number as people read it. */
export const rounded = (value: number, digits = 3): number => Number(value.toPrecision(digits));
