/** The program around the commands, without the process that it runs in. */
import { Command, CommanderError } from 'commander';
import type { CliContext, MakeCommand } from './context.ts';
import { cudaCommand } from './cuda/cuda-command.ts';
import { doctorCommand } from './doctor/doctor-command.ts';
import { describeError, exitCodeOf, exitCodes } from './errors.ts';
import { hierarchyCommand } from './hierarchy/hierarchy-command.ts';
import { installCommand } from './install/install-command.ts';
import { statusCommand } from './install/status-command.ts';
import { uninstallCommand } from './install/uninstall-command.ts';
import { calibrateCommand } from './laboratory/calibrate-command.ts';
import { costCommand } from './laboratory/cost-command.ts';
import { curateCommand } from './laboratory/curate-command.ts';
import { embeddingReportCommand } from './laboratory/embedding-report-command.ts';
import { evaluateCommand } from './laboratory/evaluate-command.ts';
import { exportCommand } from './laboratory/export-command.ts';
import { labelsCommand } from './laboratory/labels-command.ts';
import { selectHeadsCommand } from './laboratory/select-heads-command.ts';
import { smoothingCommand } from './laboratory/smoothing-command.ts';
import { trainCommand } from './laboratory/train-command.ts';
import { tuneCommand } from './laboratory/tune-command.ts';
import { inspectCommand } from './model/inspect-command.ts';
import { pullCommand } from './model/pull-command.ts';
import { packageVersion } from './package-version.ts';
import { rerankCommand } from './rerank/rerank-command.ts';
import { routerCommand } from './router/router-command.ts';
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
  costCommand,
  tuneCommand,
  calibrateCommand,
  trainCommand,
  exportCommand,
  labelsCommand,
  curateCommand,
  embeddingReportCommand,
  hierarchyCommand,
  pullCommand,
  inspectCommand,
  cudaCommand,
  doctorCommand,
  selectHeadsCommand,
  smoothingCommand,
  installCommand,
  statusCommand,
  uninstallCommand,
  statesCommand,
  routerCommand,
];

/** Runs the command that the arguments name, and prints its error. @returns The exit code. */
export async function runProgram(context: CliContext): Promise<number> {
  try {
    await program(context).parseAsync([...context.argv], { from: 'user' });
    return context.signal.aborted ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    return tellFailure(error, context);
  }
}

/** Prints an error; commander has printed its own errors already. @returns The exit code. */
export function tellFailure(error: unknown, { argv, signal, stderr }: CliContext): number {
  const isTold = signal.aborted || error instanceof CommanderError;
  if (!isTold) stderr.write(`blockrank: ${describeError(error, argv.includes('--verbose'))}\n`);
  return exitCodeOf(error, signal);
}

function program(context: CliContext): Command {
  const { stdout, stderr, colours } = context;
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
