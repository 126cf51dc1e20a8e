/**
 * Runs a command of the installed packages, installing them first when they are missing or stale:
 * `node scripts/with-dependencies.mjs COMMAND ARGUMENT…`. Plain JavaScript without imports of packages,
 * since on a fresh clone there are none.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = process.cwd();
const lockFile = join(root, 'package-lock.json');
const stamp = join(root, 'node_modules', '.installed');
/** Holds the id of the process that installs. */
const busy = join(root, '.installing');
/** Written whole, then put in place as `busy`: a reader never sees a file without an id. */
const mine = `${busy}.${process.pid}`;
const digest = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex');
const isFresh = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === digest();

/** Installs while no other process does. */
async function install() {
  for (let waits = 0; !isFresh(); waits++) {
    if (!takeTurn()) {
      if (waits === 50) process.stderr.write(`Waiting for the installation that "${busy}" announces.\n`);
      await sleep(200);
      continue;
    }
    const failure = isFresh() ? undefined : runInstall();
    rmSync(busy, { force: true });
    if (failure === undefined) continue;
    process.stderr.write(`Cannot install dependencies with "npm ci" in "${root}": ${failure}.\n`);
    process.exit(1);
  }
}

/** Whether this process is the one to install; a process that died while it was does not count. */
function takeTurn() {
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, busy);
    return true;
  } catch {
    return takeOver(holder());
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Takes the turn of a process that died: of several that see it, the first to create its marker. */
function takeOver(pid) {
  if (pid === undefined || isRunning(pid)) return false;
  const marker = `${busy}.after-${pid}`;
  try {
    writeFileSync(marker, '', { flag: 'wx' });
  } catch {
    return false;
  }
  // Another process may have taken over, and removed its marker, before this one created its own.
  const stillHeld = holder() === pid;
  if (stillHeld) renameSync(mine, busy);
  rmSync(marker);
  return stillHeld;
}

/** The process that has the turn, if one has. */
function holder() {
  try {
    return Number(readFileSync(busy, 'utf8'));
  } catch {
    return undefined;
  }
}

function isRunning(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** What went wrong; nothing when nothing did. */
function runInstall() {
  process.stderr.write('Installing dependencies (npm ci); this happens once.\n');
  // Without the variable the runtime's install script downloads CUDA libraries from outside the registry.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, error } = spawnSync(npm, ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) return error?.message ?? `exit code ${status}`;
  writeFileSync(stamp, digest());
  return undefined;
}

const [command, ...args] = process.argv.slice(2);
if (!command) {
  process.stderr.write('with-dependencies: expected a command to run.\n');
  process.exit(2);
}
await install();
const program = join(root, 'node_modules', '.bin', command + (process.platform === 'win32' ? '.cmd' : ''));
const child = spawn(program, args, { stdio: 'inherit', shell: process.platform === 'win32' });
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`Cannot run "${command}": ${error.message}.\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  for (const name of signals) process.removeAllListeners(name);
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
