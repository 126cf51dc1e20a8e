/** `blockrank pull`: downloads a checkpoint and checks it. */
import { Command } from 'commander';
import { inspectModel, ModelFormatError, pullModel } from '../../../engine/index.ts';
import type { CliContext, MakeCommand, Progress } from '../context.ts';
import { reportLines } from './inspect.ts';

interface PullCommandOptions {
  readonly cacheFolder?: string;
  readonly offline?: true;
  readonly json?: true;
}

const help = `
Examples:
  $ blockrank pull quicktensor/blockrank-msmarco-mistral-7b
  $ blockrank pull HuggingFaceTB/SmolLM2-135M-Instruct@main --json
  $ blockrank rerank "a question" --model "$(blockrank pull owner/name --offline)"

Prints the folder, to be given as --model. HF_TOKEN is the access token, HF_ENDPOINT another hub, HF_HUB_OFFLINE=1 the
same as --offline. A download that was cut off goes on where it stopped; each file is checked by its digest.`;

/** Makes the command. */
export const pullCommand: MakeCommand = (context) =>
  new Command('pull')
    .description('Downloads a checkpoint from a model hub and checks that it can be read.')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .option('--cache-folder <folder>', 'where models are kept (default: the cache folder)')
    .option('--offline', 'download nothing: give what was downloaded before')
    .option('--json', 'print the folder and what it holds as JSON')
    .addHelpText('after', help)
    .action((model: string, options: PullCommandOptions) => pull(context, model, options));

async function pull(context: CliContext, model: string, options: PullCommandOptions): Promise<void> {
  const { env, signal } = context;
  const [repository = '', revision] = model.split('@');
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new ModelFormatError({
      path: model,
      expected: 'owner/name or owner/name@revision',
      found: 'neither',
    });
  }
  const bars = new FileBars(context);
  const folder = await pullModel(repository, {
    ...(revision ? { revision } : {}),
    ...(options.cacheFolder ? { cacheFolder: options.cacheFolder } : {}),
    ...(env['HF_ENDPOINT'] ? { hubUrl: env['HF_ENDPOINT'] } : {}),
    ...(env['HF_TOKEN'] ? { accessToken: env['HF_TOKEN'] } : {}),
    offline: options.offline ?? env['HF_HUB_OFFLINE'] === '1',
    onProgress: (file, done, total) => bars.update(file, done, total),
    signal,
  }).finally(() => bars.stop());
  const report = await inspectModel(folder);
  if (options.json) context.printJson({ folder, ...report });
  else {
    for (const line of reportLines(report)) context.note(line);
    context.print(folder);
  }
  if (report.problems.length > 0) {
    throw new ModelFormatError({
      path: folder,
      expected: 'every weight of the network',
      found: report.problems.slice(0, 5).join('; '),
    });
  }
}

/** One bar after another, a file each. */
class FileBars {
  readonly #context: CliContext;
  #file = '';
  #bar: Progress | undefined;

  constructor(context: CliContext) {
    this.#context = context;
  }

  update(file: string, done: number, total: number): void {
    if (file !== this.#file) {
      this.stop();
      this.#file = file;
      this.#bar = this.#context.progress(file, total);
    }
    this.#bar?.update(done);
  }

  stop(): void {
    this.#bar?.stop();
  }
}
