/**
 * `npm run bench`: every bench that any machine can run, each in a process of its own. `npm run -s bench -- NAME --json`
 * runs one and ends with one JSON line. Figures decide nothing: the exit code is 0 whatever they are.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BenchUsageError, readArguments } from './arguments.ts';
import { blocks } from './blocks.ts';
import { depth } from './depth.ts';
import { dropping } from './dropping.ts';
import { encode } from './encode.ts';
import { gpu } from './gpu.ts';
import { half } from './half.ts';
import { inContext } from './in-context.ts';
import { joined } from './joined.ts';
import { latency } from './latency.ts';
import { longDocuments } from './long-documents.ts';
import { memory } from './memory.ts';
import { orderLimitsBench } from './order-limits.ts';
import { orderStepsBench } from './order-steps.ts';
import { passages } from './passages.ts';
import { paths } from './paths.ts';
import { peers } from './peers.ts';
import { prefill } from './prefill.ts';
import { residualTraining } from './residual-training.ts';
import { residuals } from './residuals.ts';
import { service } from './service.ts';
import { soak } from './soak.ts';
import { sparsity } from './sparsity.ts';
import { stage } from './stage.ts';
import { stateWorkers } from './state-workers.ts';
import { states } from './states.ts';
import {
  type Bench,
  type BenchOptions,
  type BenchResult,
  circumstances,
  holds,
  rounded,
} from './support/bench.ts';
import { train } from './train.ts';
import { trainedReadout } from './trained-readout.ts';
import { warm } from './warm.ts';

const benches: Readonly<Record<string, Bench>> = {
  encode,
  depth,
  dropping,
  'in-context': inContext,
  peers,
  blocks,
  warm,
  'trained-readout': trainedReadout,
  train,
  latency,
  'long-documents': longDocuments,
  passages,
  stage,
  'order-steps': orderStepsBench,
  'order-limits': orderLimitsBench,
  sparsity,
  prefill,
  paths,
  joined,
  memory,
  service,
  soak,
  states,
  'state-workers': stateWorkers,
  gpu,
  half,
  residuals,
  'residual-training': residualTraining,
};

const args = process.argv.slice(2);
try {
  const { names, wantsJson, options } = readArguments(args, benches);
  if (names.length === 1) await runOne(names[0]!, { options, wantsJson });
  else for (const name of names) runInProcess(name);
} catch (error) {
  if (!(error instanceof BenchUsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

/** Memory, caches and heaps of one bench are not those of the next. */
function runInProcess(name: string): void {
  const self = fileURLToPath(import.meta.url);
  const flags = args.filter((arg) => !benches[arg]);
  const { status } = spawnSync(process.execPath, [...process.execArgv, self, name, ...flags], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}

async function runOne(
  name: string,
  { options, wantsJson }: { readonly options: Omit<BenchOptions, 'tell'>; readonly wantsJson: boolean },
): Promise<void> {
  const bench = benches[name]!;
  const print = (line: object): void => {
    process.stdout.write(wantsJson ? `${JSON.stringify(line)}\n` : `${linesOf(line).join('\n')}\n\n`);
  };
  const note = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
  const result = await bench.run(note, { ...options, tell: print });
  const where = circumstances();
  if (wantsJson) print({ bench: name, ...where, ...result.figures, checks: result.checks.map(toJson) });
  else process.stdout.write(`${toText(name, bench, result, where)}\n\n`);
}

function toJson(check: BenchResult['checks'][number]): object {
  const value = check.value === null ? null : rounded(check.value, 5);
  return { ...check, value, holds: holds(check) };
}

// A declaration, since the commands above wait before this line is reached.
function linesOf(values: object): string[] {
  return Object.entries(values).map(
    ([key, value]) => `  ${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
}

function toText(name: string, { about }: Bench, { figures, checks }: BenchResult, where: object): string {
  return [
    `${name}: ${about}`,
    ...linesOf(figures),
    ...checks.map((check) => {
      const { name: what, value, target, atLeast } = check;
      const promise = `promised ${atLeast ? '>=' : '<='} ${target}`;
      if (value === null) return `  ${what}: not measured, ${promise}`;
      return `  ${what}: ${rounded(value, 4)}, ${promise}: ${holds(check) ? 'holds' : 'DOES NOT HOLD here'}`;
    }),
    ...linesOf(where),
  ].join('\n');
}
