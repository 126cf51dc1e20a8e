/** Runs one part in a process of its own, within its time, and makes one line of it. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { circumstances, rounded } from '../support/bench.ts';
import { scratchRoot } from '../support/random-weights.ts';
import { type Card, watchMemory } from './card.ts';
import { type CopySpeed, type Figures, overlaid } from './part.ts';
import type { Step } from './steps.ts';

/** What a step gave, with all that its figures belong to. */
export interface StepLine {
  /** Name of the part. */
  readonly part: string;
  /** Which of several steps of the part. */
  readonly variant: string;
  readonly card: Card | null;
  readonly figures: Figures;
  /** Why the step ended before it was done. */
  readonly error?: string;
  readonly [circumstance: string]: unknown;
}

/** What a part may write: the weights of a layer, the vocabulary's and the output's in the largest shape. */
const scratchBytes = 2e9;

/** After this many milliseconds a process that was asked to end is ended. */
const graceMs = 5000;

/** What a step is run with. */
export interface StepContext {
  /** The card that its line names. */
  readonly card: Card | null;
  /** Copies as the part `ceiling` saw them. */
  readonly copies: CopySpeed | null;
  /** Node's own arguments. @defaultValue those of this process */
  readonly execArgv?: readonly string[];
}

/** Runs a step. Whatever goes wrong in it stands in its line. */
export async function runStep(
  step: Step,
  { card, copies, execArgv = process.execArgv }: StepContext,
): Promise<StepLine> {
  const isLarge = step.isDecoder && step.options.shape !== 'small';
  const folder = await mkdtemp(join(isLarge ? await scratchRoot(scratchBytes) : tmpdir(), 'blockrank-gpu-'));
  const memory = watchMemory();
  const start = performance.now();
  try {
    const { figures, error } = await figuresOf(step, {
      execArgv,
      options: { ...step.options, folder, copies },
    });
    const seconds = rounded((performance.now() - start) / 1000);
    const { device, stored, computed, precision, path, shape, rounds, sizes } = step.options;
    const types = step.isDecoder ? { shape, stored, computed, path } : { precision: precision ?? computed };
    return {
      part: step.part,
      variant: step.variant,
      ...circumstances(),
      card,
      device,
      isTf32Allowed: isTf32Allowed(step),
      ...types,
      rounds,
      sizes,
      seconds,
      limitSeconds: step.limitMs / 1000,
      peakCardMiB: await memory.end(),
      figures,
      ...(error !== undefined && { error }),
    };
  } finally {
    await memory.end();
    await rm(folder, { recursive: true });
  }
}

/** On a card float32 products are rounded to TF32 unless the environment forbids it. */
const isTf32Allowed = ({ options: { device }, env }: Step): boolean =>
  device === 'cuda' && { ...process.env, ...env }['NVIDIA_TF32_OVERRIDE'] !== '0';

interface Outcome {
  readonly figures: Figures;
  readonly error?: string;
}

function figuresOf(
  { kind, limitMs, env }: Step,
  { execArgv, options }: { readonly execArgv: readonly string[]; readonly options: object },
): Promise<Outcome> {
  const program = fileURLToPath(new URL('./part-program.ts', import.meta.url));
  const child = spawn(process.execPath, [...execArgv, program, kind, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let said: Figures = {};
  const noise: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    // A library may write there too.
    if (line.startsWith('{')) said = overlaid(said, JSON.parse(line) as Figures);
    else noise.push(line);
  });
  let isLate = false;
  let last: NodeJS.Timeout | undefined;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill();
    last = setTimeout(() => child.kill('SIGKILL'), graceMs);
  }, limitMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      clearTimeout(last);
      const { error, ...figures } = said;
      if (isLate) resolve({ figures, error: `It was not done within ${limitMs / 1000} s.` });
      else if (typeof error === 'string') resolve({ figures, error });
      else if (code === 0) resolve({ figures });
      else
        resolve({
          figures,
          error: `Its process ended with ${signal ?? `exit code ${code}`}. ${noise.join(' ')}`.trim(),
        });
    });
  });
}
