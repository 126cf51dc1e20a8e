/** `blockrank states` as a process of its own, whose encodings are counted. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtUrl } from './built.ts';
import { type CliRun, startCli } from './run-cli.ts';

/** Starts the real program, which logs every text before it encodes it. */
export function startStatesProgram(command: string, args: readonly string[], log: string): CliRun {
  const imports = [builtUrl('test/support/programs/count-encodings.ts').href];
  return startCli(['states', command, ...args], { imports, env: { COUNT_ENCODINGS: log } });
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
