/** Runs the real program, as it is built: inside the test's process, or as a process of its own. */
import { spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { cliContext as makeContext } from '../../../plugin/cli/context.ts';
import type { runProgram as runWhole } from '../../../plugin/cli/program.ts';
import { builtProgram, builtUrl } from './built.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliStart {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Modules that are loaded before the program. */
  readonly imports?: readonly string[];
}

/** A program under way. */
export interface CliRun {
  /** The output so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** Settles when the condition holds, or the program has ended. */
  until(holds: () => boolean): Promise<void>;
  /** Settles when the output of either stream matches, or the program has ended. */
  printed(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CliResult>;
}

export interface CliOptions extends CliStart {
  /** Environment variables that the program reads while it runs: they need no process of its own, unlike `env`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Settles when the program is to get a signal. */
  readonly interruptAfter?: (run: CliRun) => Promise<void>;
  /** The signal. @defaultValue `'SIGINT'` */
  readonly signal?: NodeJS.Signals;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The built program's path. */
export function cliProgram(): string {
  return builtProgram('plugin/cli/main.ts');
}

export function startCli(
  args: readonly string[],
  { stdin = '', env = {}, imports = [] }: CliStart = {},
): CliRun {
  const { PATH, HOME } = process.env;
  const modules = imports.flatMap((name) => ['--import', name]);
  const child = spawn(process.execPath, [...modules, cliProgram(), ...args], {
    cwd: root,
    // Only these variables, so that colours and secrets of the person who runs the tests stay out.
    env: { PATH, HOME, ...env },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  child.stdin.end(stdin);
  let hasEnded = false;
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      hasEnded = true;
      resolve({ code, ...output });
    });
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!hasEnded && !holds()) await sleep(20);
  };
  return {
    output,
    ended,
    until,
    printed: (pattern) => until(() => pattern.test(output.stdout) || pattern.test(output.stderr)),
    kill: (signal) => void child.kill(signal),
  };
}

/**
 * The program's answer to arguments. Starting a process takes half a second each time, so the program runs inside the
 * test's own, unless the question is about the process: what it starts with, its signals, the modules that it loads.
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { interruptAfter, signal = 'SIGINT', variables = {}, ...start } = options;
  if (!interruptAfter && !start.env && !start.imports) return runWith(variables, args, start.stdin);
  const run = startCli(args, { ...start, env: { ...variables, ...start.env } });
  void interruptAfter?.(run).then(() => run.kill(signal));
  return run.ended;
}

/** Runs the program while the test's process has these variables too: the engine reads the process' own. */
async function runWith(
  variables: Readonly<Record<string, string>>,
  args: readonly string[],
  stdin?: string,
): Promise<CliResult> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await runInside(args, variables, stdin);
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
}

async function runInside(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  stdin = '',
): Promise<CliResult> {
  const { cliContext } = (await import(builtUrl('plugin/cli/context.ts').href)) as {
    cliContext: typeof makeContext;
  };
  const { runProgram } = (await import(builtUrl('plugin/cli/program.ts').href)) as {
    runProgram: typeof runWhole;
  };
  const { PATH, HOME } = process.env;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const streams = {
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    stdout,
    stderr,
    env: { PATH, HOME, ...variables },
    argv: args,
  };
  const code = await runProgram(cliContext(streams, new AbortController().signal));
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  return ((stream.read() as Buffer | null) ?? '').toString();
}
