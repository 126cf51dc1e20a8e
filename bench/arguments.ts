/** What `npm run bench` is asked for. */
import { parseArgs } from 'node:util';
import type { ExecutionProvider } from '../engine/session/runtime.ts';
import type { Bench, BenchOptions } from './support/bench.ts';
import { decoderShapes, type ShapeName } from './support/decoder-shape.ts';

/** Wrong arguments; the message says which would be right. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError' as const;
}

/** What to run, and how. */
export interface BenchArguments {
  /** Names of benches, in the order in which they run. */
  readonly names: readonly string[];
  /** Whether results are JSON lines. */
  readonly wantsJson: boolean;
  /** Options, which every named bench takes. */
  readonly options: Omit<BenchOptions, 'tell'>;
}

const devices: readonly ExecutionProvider[] = ['cpu', 'cuda', 'webgpu'];

/** Reads the command line. @throws BenchUsageError */
export function readArguments(
  args: readonly string[],
  benches: Readonly<Record<string, Bench>>,
): BenchArguments {
  const { values, positionals } = parsed(args);
  for (const name of positionals) assertOneOf('NAME', name, Object.keys(benches));
  const names =
    positionals.length > 0
      ? positionals
      : Object.entries(benches).flatMap(([name, { isByNameOnly }]) => (isByNameOnly ? [] : [name]));
  const { device, shape, part: parts } = values;
  if (device !== undefined) assertOneOf('--device', device, devices);
  if (shape !== undefined) assertOneOf('--shape', shape, Object.keys(decoderShapes));
  const options = {
    ...(device !== undefined && { device: device as ExecutionProvider }),
    ...(shape !== undefined && { shape: shape as ShapeName }),
    ...(parts !== undefined && { parts }),
  };
  for (const name of names) assertTakes(name, benches[name]!, options);
  return { names, wantsJson: values.json ?? false, options };
}

function assertTakes(name: string, bench: Bench, options: BenchArguments['options']): void {
  const { takes = [], parts: known = [] } = bench;
  for (const option of Object.keys(options) as (keyof typeof options)[]) {
    if (!takes.includes(option)) {
      throw new BenchUsageError(`The bench "${name}" takes no --${option === 'parts' ? 'part' : option}.`);
    }
  }
  for (const part of options.parts ?? []) assertOneOf('--part', part, known);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        device: { type: 'string' },
        shape: { type: 'string' },
        part: { type: 'string', multiple: true },
      },
    });
  } catch (cause) {
    const usage = 'Usage: npm run bench [-- NAME… --json --device NAME --shape NAME --part NAME…]';
    throw new BenchUsageError(`${usage}\n${(cause as Error).message}`, { cause });
  }
}

function assertOneOf(what: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) {
    throw new BenchUsageError(`${what}: expected one of ${known.join(', ')}, got "${value}".`);
  }
}
