/** Runs the real program as a child process. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends Ctrl-C when it is settled; what it is given waits for something printed to either stream. */
  readonly interruptAfter?: (printed: (pattern: RegExp) => Promise<void>) => Promise<void>;
  /** What is sent then. @defaultValue `'SIGINT'` */
  readonly signal?: NodeJS.Signals;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export function runCli(
  args: readonly string[],
  { stdin = '', env = {}, interruptAfter, signal = 'SIGINT' }: CliRun = {},
): Promise<CliResult> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', 'plugin/cli/main.ts', ...args], {
    cwd: root,
    // Colours and secrets of whoever runs the tests stay out.
    env: { PATH, HOME, ...env },
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  child.stdin.end(stdin);
  const printed = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(texts.stdout) && !pattern.test(texts.stderr)) await sleep(20);
  };
  void interruptAfter?.(printed).then(() => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...texts }));
  });
}
