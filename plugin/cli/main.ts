#!/usr/bin/env node
/** `blockrank <command>`: the process around the program. Only this file touches it. */
import { type CliStreams, cliContext } from './context.ts';
import { exitCodes } from './errors.ts';
import { runProgram, tellFailure } from './program.ts';

/** How long closing may take after Ctrl-C, in milliseconds. */
const closingMs = 2000;

const interruption = new AbortController();
const streams: CliStreams = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  argv: process.argv.slice(2),
};
let holds = 0;
const context = cliContext(streams, interruption.signal, hold);

process.on('SIGINT', () => {
  process.exitCode = exitCodes.interrupted;
  if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
  interruption.abort(new DOMException('Interrupted.', 'AbortError'));
  setTimeout(() => holds > 0 || process.exit(exitCodes.interrupted), closingMs).unref();
});
// The reader of the output may stop early (`| head`); then there is no reader left to get an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed);
  });
}
process.on('unhandledRejection', fail);
process.on('uncaughtException', fail);
process.exitCode = await runProgram(context);

function hold(): () => void {
  holds += 1;
  return () => {
    holds -= 1;
  };
}

function fail(error: unknown): void {
  process.exitCode = tellFailure(error, context);
}
