/** Programs that `scripts/deploy-tools` installs; a test that needs a missing program is skipped, and says so. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const root: string = fileURLToPath(new URL('../../..', import.meta.url));

const variables = {
  helm: 'HELM',
  'kubernetes-validate': 'KUBERNETES_VALIDATE',
  'deploy-lint': 'DEPLOY_LINT',
  hadolint: 'HADOLINT',
  'cyclonedx-validate': 'CYCLONEDX_VALIDATE',
} as const;

/** A program's path, by its environment variable, on PATH, or where `scripts/deploy-tools` puts it. */
export function findTool(name: keyof typeof variables): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const places = [...folders, join(root, '.cache', 'tools', 'bin')].map((folder) => join(folder, name));
  const found = process.env[variables[name]] ?? places.find(isExecutable);
  if (found === undefined)
    console.warn(`Skipping tests of ${name}: not found; scripts/deploy-tools installs it.`);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The output of a program. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program from the repository's root. */
export function runTool(
  path: string,
  args: readonly string[],
  { input = '', env = {} }: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Said {
  const { status, stdout, stderr, error } = spawnSync(path, args, {
    cwd: root,
    input,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** The result of a program that finds no fault. */
export const nothingWrong: object = { status: 0, stderr: '' };
