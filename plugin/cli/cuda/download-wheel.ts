/** Downloads the wheel by pip, which checks its digest against the index. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/** What to download, and by which Python. */
export interface WheelRequest {
  readonly version: string;
  readonly python: string;
}

/** Each version of Python has a wheel of its own; one is named, so that the Python of this machine does not matter. */
const target = [
  '--python-version=3.12',
  '--implementation=cp',
  '--platform=manylinux_2_28_x86_64',
  '--platform=manylinux_2_27_x86_64',
];

const elsewhere = 'or download it on another machine and give --wheel';

/**
 * Gives the wheel's path to a function, and removes the file afterwards.
 *
 * @throws ConfigurationError when there is no Python with pip, or pip could not download it.
 */
export async function withDownloadedWheel<T>(
  context: Pick<CliContext, 'note' | 'signal' | 'env'>,
  { version, python }: WheelRequest,
  use: (wheel: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-cuda-'));
  try {
    context.note(`pip downloads onnxruntime-gpu ${version} (250 MB)`);
    const options = [
      '--no-deps',
      '--only-binary=:all:',
      '--no-input',
      '--disable-pip-version-check',
      '--quiet',
    ];
    const args = [
      '-m',
      'pip',
      'download',
      ...options,
      ...target,
      `--dest=${folder}`,
      `onnxruntime-gpu==${version}`,
    ];
    await run(context, python, args);
    const [wheel] = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw refused(`pip gave no wheel; ${elsewhere}`);
    return await use(join(folder, wheel));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const refused = (message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError('Cannot download the wheel', [{ path: '', message }], { cause });

function run(
  { signal, env }: Pick<CliContext, 'signal' | 'env'>,
  python: string,
  args: readonly string[],
): Promise<void> {
  const child = spawn(python, args, { signal, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason);
      else if (cause.code === 'ENOENT') {
        reject(
          refused(
            `there is no "${python}": install Python with pip, name it by --python, ${elsewhere}`,
            cause,
          ),
        );
      } else reject(refused(`"${python}" cannot be run: ${cause.message}`, cause));
    });
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(refused(`${reasonOf(said) || `pip ended with exit code ${code}`}; ${elsewhere}`));
    });
  });
}

/** pip's errors, or the last line of whatever it said. */
function reasonOf(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const errors = lines
    .filter((line) => line.startsWith('ERROR:'))
    .map((line) => line.slice('ERROR:'.length).trim());
  return errors.length > 0 ? errors.join(' ') : (lines.at(-1) ?? '');
}
