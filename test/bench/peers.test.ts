import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/programs/deploy-tools.ts';

const folder = join(root, 'bench/peers');
const programs = readdirSync(folder).filter((name) => name.endsWith('.py'));
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('Skipping tests of the Python peers: no python3.');

describe.skipIf(!hasPython)('the PyTorch peers', () => {
  it('are there', () => {
    expect(programs).toEqual(['torch-decoder.py', 'torch-encoder.py']);
  });

  // They need PyTorch to run, which no test installs.
  it.each(programs)('are Python: %s', (name) => {
    const env = { ...process.env, PYTHONPYCACHEPREFIX: tmpdir() };
    const { status, stderr } = spawnSync('python3', ['-m', 'py_compile', join(folder, name)], {
      env,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});
