/** Examines devices in processes of their own: a broken driver ends the process that opens it. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DeviceReport, ExecutionProvider } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/** What runs in the other process. @defaultValue `examine-program` beside this file */
export type ExamineProgram = URL;

/** A device that does not answer within this is said not to open, in milliseconds. */
const waitMs = 120_000;

/** What a device can do here. A process that dies under it is a report like any other. */
export async function examine(
  { env, signal }: Pick<CliContext, 'env' | 'signal'>,
  device: ExecutionProvider,
  program: ExamineProgram = ownProgram(),
): Promise<DeviceReport> {
  const child = spawn(process.execPath, [...loaderOf(program), fileURLToPath(program), device], {
    env,
    signal: AbortSignal.any([signal, AbortSignal.timeout(waitMs)]),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Record<'out' | 'err', string> = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, ended) => resolve(ended ?? (code === 0 ? '' : `code ${code}`)));
  });
  signal.throwIfAborted();
  if (end === '') return JSON.parse(said.out) as DeviceReport;
  const last = said.err.trim().split('\n').at(-1) ?? '';
  const problem = `the process that opened it ended with ${end}${last ? `: ${last}` : ''}; its driver is broken, or is not for this machine`;
  return { device, opens: false, problems: [problem], notes: [] };
}

function ownProgram(): URL {
  return new URL(
    import.meta.url.endsWith('.ts') ? './examine-program.ts' : './examine-program.js',
    import.meta.url,
  );
}

/** Sources need a loader, which the other process does not inherit. */
function loaderOf(program: URL): string[] {
  if (!program.pathname.endsWith('.ts')) return [];
  return ['--import', String(pathToFileURL(createRequire(import.meta.url).resolve('tsx')))];
}
