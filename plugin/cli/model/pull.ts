import { inspectModel, ModelFormatError, pullModel } from '../../../engine/index.ts';
import type { CliContext, Progress } from '../context.ts';
import { reportLines } from './inspect.ts';

/** Values of the options of `pull`. */
export interface PullFlags {
  readonly cacheFolder?: string;
  readonly offline?: true;
  readonly json?: true;
}

/** Downloads the checkpoint, checks it, and prints its folder. @throws ModelFormatError when it cannot be read. */
export async function pull(context: CliContext, model: string, options: PullFlags): Promise<void> {
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
