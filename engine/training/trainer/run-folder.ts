/** The folder of a training: everything needed to repeat it, and to go on with it. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigurationError, type ConfigurationIssue } from '../../errors.ts';
import { runtimeVersion } from '../../session/runtime-version.ts';
import { onDisk, type Standing, writeWhole } from './whole-file.ts';

/** Files of the folder. */
export const runFiles = {
  /** {@link RunFacts}. */
  facts: 'run.json',
  /** The recipe as it was written. */
  recipe: 'recipe.yaml',
  /** A line a step and a measurement. */
  curve: 'curve.jsonl',
  /** The last checkpoint. */
  checkpoint: 'last.safetensors',
  /** Trained tensors of the best development value. */
  best: 'best.safetensors',
  /** Trained tensors that the training ended with: the best, or the interpolation. */
  final: 'final.safetensors',
  /** `TrainingResult`. */
  result: 'result.json',
  /** Loss by step. */
  lossChart: 'loss.svg',
  /** Development measure by step. */
  developmentChart: 'development.svg',
} as const;

/** What a caller knows of a training; a training is resumed only by a caller who knows the same. */
export interface RunIdentity {
  /** The recipe with its defaults, as plain data. */
  readonly recipe: unknown;
  /** SHA-256 by name of everything that is learnt from or measured on: files, lists, the starting model. */
  readonly digests: Readonly<Record<string, string>>;
}

/** What is known of a training before its first step. */
export interface RunFacts extends RunIdentity {
  /** Version of this file's form; this build reads 1. */
  readonly formatVersion: 1;
  /** Versions of the programs. */
  readonly versions: Readonly<Record<string, string>>;
  /** What it runs on. */
  readonly machine: {
    /** The processor's name. */
    readonly processor: string;
    /** Its cores. */
    readonly cores: number;
    /** The machine's memory. */
    readonly memoryBytes: number;
    /** Operating system and architecture. */
    readonly platform: string;
    /** ONNX Runtime's name of what computes. */
    readonly provider: string;
    /** Lists run at once. */
    readonly workers: number;
    /** Threads of one run: another number may change last bits, so a resumed training keeps it. */
    readonly threads: number;
  };
  /** When it was started, ISO 8601. */
  readonly startedAt: string;
  /** What else the caller tells of it, as plain data; a resumed training does not compare it. */
  readonly notes?: unknown;
}

/** Facts of a training that starts now. @param places - What computes. */
export function newFacts(
  identity: RunIdentity,
  places: Pick<RunFacts['machine'], 'provider' | 'workers' | 'threads'>,
  {
    versions,
    notes,
  }: { readonly versions?: Readonly<Record<string, string>> | undefined; readonly notes?: unknown } = {},
): RunFacts {
  return {
    formatVersion: 1,
    ...identity,
    versions: { ...versions, node: process.versions.node, 'onnxruntime-node': runtimeVersion() },
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      ...places,
    },
    startedAt: new Date().toISOString(),
    ...(notes !== undefined && { notes }),
  };
}

/**
 * Makes the folder of a new training.
 *
 * @param recipeText - The recipe's file. @throws ConfigurationError when the folder holds anything: nothing is overwritten.
 * @throws TrainingError of fault `disk`.
 */
export async function createRunFolder(folder: string, facts: RunFacts, recipeText?: string): Promise<void> {
  const standing: Standing = { step: 0, checkpointStep: undefined };
  await onDisk(folder, standing, () => mkdir(folder, { recursive: true }));
  if ((await readdir(folder)).length > 0) {
    const isRun = existsSync(join(folder, runFiles.facts));
    const message = isRun
      ? 'holds a training already: go on with --resume, or name another folder'
      : 'expected an empty folder, or none';
    throw new ConfigurationError(`Cannot train into "${folder}"`, [{ path: 'output', message }]);
  }
  if (recipeText !== undefined) await writeWhole(join(folder, runFiles.recipe), recipeText, standing);
  await writeWhole(join(folder, runFiles.facts), `${JSON.stringify(facts, undefined, 2)}\n`, standing);
}

/** Reads what a training was started with. @throws ConfigurationError when the folder holds none that this build reads. */
export async function readFacts(folder: string): Promise<RunFacts> {
  const path = join(folder, runFiles.facts);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(folder, `expected "${runFiles.facts}", found ${cause.code ?? cause.message}`, cause);
  });
  try {
    const facts = JSON.parse(text) as RunFacts;
    if (facts.formatVersion === 1) return facts;
    throw unreadable(folder, `format version ${JSON.stringify(facts.formatVersion)}, this build reads 1`);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    throw unreadable(folder, `"${path}" holds no JSON`, cause);
  }
}

const unreadable = (folder: string, message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError(`Cannot read the training "${resolve(folder)}"`, [{ path: '', message }], { cause });

/**
 * @throws ConfigurationError naming everything that is not as it was when the training was started: keys of the recipe,
 * files that changed, another model.
 */
export function assertSameRun(folder: string, facts: RunIdentity, now: RunIdentity): void {
  const issues = [...recipeIssues(facts.recipe, now.recipe), ...digestIssues(facts.digests, now.digests)];
  if (issues.length > 0) throw new ConfigurationError(`Cannot go on with the training "${folder}"`, issues);
}

function digestIssues(before: RunIdentity['digests'], now: RunIdentity['digests']): ConfigurationIssue[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names.flatMap((name) => {
    if (before[name] === now[name]) return [];
    const what =
      before[name] === undefined ? 'was not there' : now[name] === undefined ? 'is gone' : 'has changed';
    const message = `${what} since the training was started; bring back what it was, or start a new training`;
    return [{ path: name, message }];
  });
}

/** Keys of two recipes whose values differ, as dotted paths. */
function recipeIssues(before: unknown, now: unknown, path: readonly string[] = []): ConfigurationIssue[] {
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (isRecord(before) && isRecord(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => recipeIssues(before[key], now[key], [...path, key]));
  }
  const message = `was ${JSON.stringify(before)} when the training was started, is ${JSON.stringify(now)}`;
  return [{ path: path.join('.'), message }];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
