#!/usr/bin/env node
/** `blockrank <command>`: the program around the commands. Only this file touches the process. */
import { Command, CommanderError } from 'commander';
import { type CliContext, type CliStreams, cliContext, type MakeCommand } from './context.ts';
import { cudaCommand } from './cuda/cuda-command.ts';
import { doctorCommand } from './doctor/doctor-command.ts';
import { describeError, exitCodeOf, exitCodes } from './errors.ts';
import { installCommand } from './install/install-command.ts';
import { statusCommand } from './install/status-command.ts';
import { uninstallCommand } from './install/uninstall-command.ts';
import { curateCommand } from './laboratory/curate-command.ts';
import { embeddingReportCommand } from './laboratory/embedding-report-command.ts';
import { evaluateCommand } from './laboratory/evaluate-command.ts';
import { exportCommand } from './laboratory/export-command.ts';
import { labelsCommand } from './laboratory/labels-command.ts';
import { selectHeadsCommand } from './laboratory/select-heads-command.ts';
import { trainCommand } from './laboratory/train-command.ts';
import { tuneCommand } from './laboratory/tune-command.ts';
import { inspectCommand } from './model/inspect-command.ts';
import { pullCommand } from './model/pull-command.ts';
import { packageVersion } from './package-version.ts';
import { rerankCommand } from './rerank/rerank-command.ts';
import { keyCommand } from './serve/key-command.ts';
import { proxyCommand } from './serve/proxy-command.ts';
import { serveCommand } from './serve/serve-command.ts';
import { statesCommand } from './states/states-command.ts';

const commands: readonly MakeCommand[] = [
  serveCommand,
  keyCommand,
  proxyCommand,
  rerankCommand,
  evaluateCommand,
  tuneCommand,
  trainCommand,
  exportCommand,
  labelsCommand,
  curateCommand,
  embeddingReportCommand,
  pullCommand,
  inspectCommand,
  cudaCommand,
  doctorCommand,
  selectHeadsCommand,
  installCommand,
  statusCommand,
  uninstallCommand,
  statesCommand,
];

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
process.exitCode = await run(context);

function hold(): () => void {
  holds += 1;
  return () => {
    holds -= 1;
  };
}

async function run({ argv, signal }: CliContext): Promise<number> {
  try {
    await program(context).parseAsync([...argv], { from: 'user' });
    return signal.aborted ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    return fail(error);
  }
}

/** Prints an error; commander has printed its own errors already. */
function fail(error: unknown): number {
  const { argv, signal, stderr } = context;
  const code = exitCodeOf(error, signal);
  const isTold = signal.aborted || error instanceof CommanderError;
  if (!isTold) stderr.write(`blockrank: ${describeError(error, argv.includes('--verbose'))}\n`);
  process.exitCode = code;
  return code;
}

function program({ stdout, stderr, colours }: CliContext): Command {
  const root = new Command('blockrank')
    .description(
      'Reranks shortlists of Elasticsearch, OpenSearch or your own with a BlockRank model, in-process.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('--verbose', 'print stacks with errors')
    .option('--no-color', 'no colours (also with NO_COLOR set, and when piped)')
    .showHelpAfterError('(--help shows the options, with examples)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHasColors: () => colours.isColorSupported,
      getErrHasColors: () => false,
    })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.');
  for (const make of commands) root.addCommand(make(context).copyInheritedSettings(root));
  return root;
}
