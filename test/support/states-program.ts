/** `blockrank states` as a process of its own, whose encodings are counted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliResult } from '../cli/run-cli.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface StatesRun {
  kill(signal: NodeJS.Signals): void;
  /** Settled when it has printed something, or has ended. */
  readonly printed: Promise<void>;
  readonly ended: Promise<CliResult>;
}

/** The real program; every text that it encodes is written to the log first. */
export function startStatesProgram(command: string, args: readonly string[], log: string): StatesRun {
  const hook = join(root, 'test/support/count-encodings.ts');
  const program = ['--import', 'tsx', '--import', hook, 'plugin/cli/main.ts', 'states', command, ...args];
  const { PATH, HOME } = process.env;
  const child: ChildProcess = spawn(process.execPath, program, {
    cwd: root,
    env: { PATH, HOME, COUNT_ENCODINGS: log },
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const printed = new Promise<void>((resolve) => {
    child.stdout!.once('data', () => resolve());
    child.once('close', () => resolve());
  });
  return {
    printed,
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...texts }));
    }),
  };
}

export function encodingLog(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'blockrank-encodings-')), 'log');
  writeFileSync(path, '');
  return path;
}

/** Digests of the texts that were encoded, in their order. */
export function encodedIn(log: string): readonly string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
}
