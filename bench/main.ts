/**
 * `npm run bench`: every bench, each in a process of its own. `npm run -s bench -- NAME --json` runs one and ends
 * with one JSON line. Figures decide nothing: the exit code is 0 whatever they are.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { blocks } from './blocks.ts';
import { encode } from './encode.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { peers } from './peers.ts';
import { prefill } from './prefill.ts';
import { service } from './service.ts';
import { soak } from './soak.ts';
import { sparsity } from './sparsity.ts';
import { stage } from './stage.ts';
import { stateWorkers } from './state-workers.ts';
import { states } from './states.ts';
import { type Bench, type BenchResult, circumstances, holds, rounded } from './support/bench.ts';
import { warm } from './warm.ts';

const benches: Readonly<Record<string, Bench>> = {
  encode,
  peers,
  blocks,
  warm,
  latency,
  stage,
  sparsity,
  prefill,
  memory,
  service,
  soak,
  states,
  'state-workers': stateWorkers,
};

const args = process.argv.slice(2);
const wantsJson = args.includes('--json');
const names = args.filter((arg) => !arg.startsWith('--'));
const wrong = [
  ...args.filter((arg) => arg.startsWith('--') && arg !== '--json'),
  ...names.filter((name) => !benches[name]),
];
if (wrong.length > 0) {
  process.stderr.write(`Usage: npm run bench [-- NAME… --json]; NAME: ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 2;
} else if (names.length === 1) {
  await runOne(names[0]!);
} else {
  for (const name of names.length > 0 ? names : Object.keys(benches)) runInProcess(name);
}

/** Memory, caches and heaps of one bench are not those of the next. */
function runInProcess(name: string): void {
  const self = fileURLToPath(import.meta.url);
  const { status } = spawnSync(
    process.execPath,
    [...process.execArgv, self, name, ...(wantsJson ? ['--json'] : [])],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exitCode = 1;
}

async function runOne(name: string): Promise<void> {
  const bench = benches[name]!;
  const result = await bench.run((text) => process.stderr.write(`${name}: ${text}\n`));
  const where = circumstances();
  process.stdout.write(
    wantsJson
      ? `${JSON.stringify({ bench: name, ...where, ...result.figures, checks: result.checks.map(toJson) })}\n`
      : `${toText(name, bench, result, where)}\n\n`,
  );
}

function toJson(check: BenchResult['checks'][number]): object {
  return { ...check, value: rounded(check.value, 5), holds: holds(check) };
}

function toText(name: string, { about }: Bench, { figures, checks }: BenchResult, where: object): string {
  const lines = (values: object): string[] =>
    Object.entries(values).map(
      ([key, value]) => `  ${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    );
  return [
    `${name}: ${about}`,
    ...lines(figures),
    ...checks.map((check) => {
      const { name: what, value, target, atLeast } = check;
      const verdict = holds(check) ? 'holds' : 'DOES NOT HOLD here';
      return `  ${what}: ${rounded(value, 4)}, promised ${atLeast ? '>=' : '<='} ${target}: ${verdict}`;
    }),
    ...lines(where),
  ].join('\n');
}
