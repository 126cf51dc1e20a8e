import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/with-dependencies.mjs', import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A package with one dependency, a program in the same folder, and a record of its installations. */
function tinyPackage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'blockrank-dependencies-'));
  folders.push(folder);
  mkdirSync(join(folder, 'tool'));
  const tool = { name: 'tool', version: '1.0.0', bin: { tool: 'tool.mjs' } };
  const root = {
    name: 'tiny',
    version: '1.0.0',
    scripts: { postinstall: 'node record.mjs' },
    dependencies: { tool: 'file:tool' },
  };
  const lock = {
    name: 'tiny',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: {
      '': { name: 'tiny', version: '1.0.0', hasInstallScript: true, dependencies: root.dependencies },
      'node_modules/tool': { resolved: 'tool', link: true },
      tool: { version: '1.0.0', bin: tool.bin },
    },
  };
  const write = (path: string, content: string): void => writeFileSync(join(folder, path), content);
  write('tool/package.json', JSON.stringify(tool));
  write('tool/tool.mjs', toolSource);
  write('record.mjs', recordSource);
  write('package.json', JSON.stringify(root));
  write('package-lock.json', JSON.stringify(lock));
  return folder;
}

/** Prints its arguments and ends as the first one says. */
const toolSource = `#!/usr/bin/env node
const [how, ...rest] = process.argv.slice(2);
console.log(JSON.stringify(rest));
if (how === 'wait') setInterval(() => undefined, 1000);
else process.exitCode = Number(how);
`;

/** Runs in every installation. */
const recordSource = `import { appendFileSync } from 'node:fs';
appendFileSync('installations.txt', process.env.ONNXRUNTIME_NODE_INSTALL + '\\n');
`;

const installations = (folder: string): string[] =>
  existsSync(join(folder, 'installations.txt'))
    ? readFileSync(join(folder, 'installations.txt'), 'utf8').trim().split('\n')
    : [];

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const start = (folder: string, ...args: string[]): ChildProcess =>
  spawn(process.execPath, [script, ...args], { cwd: folder, stdio: 'pipe' });

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stdout, stderr };
}

const run = (folder: string, ...args: string[]): Promise<Ended> => ended(start(folder, ...args));
const linesAbout = (word: string, text: string): string[] =>
  text.split('\n').filter((line) => line.includes(word));

describe('with-dependencies', () => {
  it('installs what is missing without the download of onnxruntime-node, says so once, and runs', async () => {
    const folder = tinyPackage();
    const { code, stdout, stderr } = await run(folder, 'tool', '0', 'two words', '--flag');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '["two words","--flag"]\n' });
    expect(linesAbout('Installing', stderr)).toHaveLength(1);
    expect(installations(folder)).toEqual(['skip']);
  });

  it('installs nothing that is there, and installs again when the lock file changes', async () => {
    const folder = tinyPackage();
    await run(folder, 'tool', '0');
    const again = await run(folder, 'tool', '0');
    expect(again.stderr).toBe('');
    expect(installations(folder)).toHaveLength(1);

    const lockFile = join(folder, 'package-lock.json');
    writeFileSync(lockFile, `${readFileSync(lockFile, 'utf8')}\n`);
    await run(folder, 'tool', '0');
    expect(installations(folder)).toHaveLength(2);
  });

  it('installs once when several processes start together', async () => {
    const folder = tinyPackage();
    const all = await Promise.all(Array.from({ length: 5 }, (_, i) => run(folder, 'tool', '0', String(i))));
    expect(all.map(({ code, stdout }) => [code, stdout])).toEqual(all.map((_, i) => [0, `["${i}"]\n`]));
    expect(installations(folder)).toHaveLength(1);
  });

  it('waits for the installation of a process that runs', async () => {
    const folder = tinyPackage();
    writeFileSync(join(folder, '.installing'), String(process.pid));
    const child = start(folder, 'tool', '0');
    const end = ended(child);
    const winner = await Promise.race([end, sleep(1500, 'waits')]);
    expect(winner).toBe('waits');
    expect(installations(folder)).toEqual([]);
    rmSync(join(folder, '.installing'));
    expect((await end).code).toBe(0);
  });

  it('takes over from a process that died while it installed', async () => {
    const folder = tinyPackage();
    const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(dead, 'close');
    writeFileSync(join(folder, '.installing'), String(dead.pid));
    const all = await Promise.all(Array.from({ length: 4 }, () => run(folder, 'tool', '0')));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(installations(folder)).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('.installing'))).toEqual([]);
  });

  it('says what failed when the installation fails, and leaves the next run free to try', async () => {
    const folder = tinyPackage();
    const lockFile = join(folder, 'package-lock.json');
    const good = readFileSync(lockFile, 'utf8');
    writeFileSync(lockFile, '{}');
    const failed = await run(folder, 'tool', '0');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`Cannot install dependencies with "npm ci" in "${folder}"`);
    writeFileSync(lockFile, good);
    expect((await run(folder, 'tool', '0')).code).toBe(0);
  });

  it('ends with the exit code of the command', async () => {
    expect((await run(tinyPackage(), 'tool', '7')).code).toBe(7);
  });

  it('names a command that no dependency has, and asks for one when there is none', async () => {
    const folder = tinyPackage();
    const missing = await run(folder, 'absent');
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('Cannot run "absent"') });
    expect(await run(folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('expected a command'),
    });
  });

  it('hands signals to the command and ends by the same signal', async () => {
    const child = start(tinyPackage(), 'tool', 'wait', 'ready');
    const end = ended(child);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: null, signal: 'SIGTERM', stdout: '["ready"]\n' });
  });
});
