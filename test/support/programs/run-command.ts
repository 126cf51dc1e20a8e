/** Runs one command inside the test's process: `run-cli.ts` runs the whole program, which takes a second each time. */
import { PassThrough, Readable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { cliContext, type MakeCommand } from '../../../plugin/cli/context.ts';
import { describeError, exitCodeOf } from '../../../plugin/cli/errors.ts';
import type { CliResult } from './run-cli.ts';

export async function runCommand(
  make: MakeCommand,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { signal } = new AbortController();
  const context = cliContext({ stdin: Readable.from([]), stdout, stderr, env, argv: [...args] }, signal);
  const root = new Command('blockrank').exitOverride().configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
  });
  const command = make(context).copyInheritedSettings(root);
  root.addCommand(command);
  let code: number | null = 0;
  try {
    await root.parseAsync([command.name(), ...args], { from: 'user' });
  } catch (error) {
    code = exitCodeOf(error, signal);
    if (!(error instanceof CommanderError)) stderr.write(`blockrank: ${describeError(error, false)}\n`);
  }
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  return ((stream.read() as Buffer | null) ?? '').toString();
}
