import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cardMemoryBytes } from '../../../engine/session/card-memory.ts';

async function programThat(does: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'blockrank-card-')), 'nvidia-smi');
  await writeFile(path, `#!/bin/sh\n${does}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('cardMemoryBytes', () => {
  it('is what the driver says of the first card that the process sees', async () => {
    const program = await programThat('case "$*" in *--id=2*) echo 143771;; *) echo 8192;; esac');
    expect(await cardMemoryBytes({ program, environment: {} })).toBe(8192 * 2 ** 20);
    const environment = { ['CUDA_VISIBLE_DEVICES']: '2,0' };
    expect(await cardMemoryBytes({ program, environment })).toBe(143_771 * 2 ** 20);
  });

  it('is unknown without the program, without a card, and when the answer is no number', async () => {
    expect(await cardMemoryBytes({ program: '/nowhere/nvidia-smi' })).toBeUndefined();
    expect(await cardMemoryBytes({ program: await programThat('exit 6') })).toBeUndefined();
    expect(await cardMemoryBytes({ program: await programThat('echo "[N/A]"') })).toBeUndefined();
  });
});
