import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cardMemoryBytes, graphicsCards } from '../../../engine/session/graphics-cards.ts';

/** An environment whose `nvidia-smi` does this. */
async function driverThat(does: string, others: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-smi-'));
  await writeFile(join(folder, 'nvidia-smi'), `#!/bin/sh\n${does}\n`);
  await chmod(join(folder, 'nvidia-smi'), 0o755);
  return { PATH: `${folder}:/usr/bin:/bin`, ...others };
}

const withoutDriver = { PATH: '/nowhere' };

describe('graphicsCards', () => {
  it('reads what the driver’s program prints, a card a line', async () => {
    const line = 'NVIDIA H200, 143771, 143000, 580.159.04, 9.0';
    const cards = await graphicsCards({ environment: await driverThat(`echo "${line}"\necho "${line}"`) });
    expect(cards).toHaveLength(2);
    expect(cards[0]).toEqual({
      name: 'NVIDIA H200',
      totalBytes: 143_771 * 2 ** 20,
      freeBytes: 143_000 * 2 ** 20,
      driver: '580.159.04',
      computeCapability: 9,
    });
  });

  it('finds none where there is no driver', async () => {
    expect(await graphicsCards({ environment: withoutDriver })).toEqual([]);
  });
});

describe('cardMemoryBytes', () => {
  it('is what the driver says of the first card that the process sees', async () => {
    const does = 'case "$*" in *--id=2*) echo 143771;; *) echo 8192;; esac';
    expect(await cardMemoryBytes({ environment: await driverThat(does) })).toBe(8192 * 2 ** 20);
    const environment = await driverThat(does, { ['CUDA_VISIBLE_DEVICES']: '2,0' });
    expect(await cardMemoryBytes({ environment })).toBe(143_771 * 2 ** 20);
  });

  it('is unknown without the program, without a card, and when the answer is no number', async () => {
    expect(await cardMemoryBytes({ environment: withoutDriver })).toBeUndefined();
    expect(await cardMemoryBytes({ environment: await driverThat('exit 6') })).toBeUndefined();
    expect(await cardMemoryBytes({ environment: await driverThat('echo "[N/A]"') })).toBeUndefined();
  });

  it('does not wait for a driver that hangs', async () => {
    const environment = await driverThat('exec sleep 60');
    const start = performance.now();
    expect(await cardMemoryBytes({ environment, waitMs: 100 })).toBeUndefined();
    expect(await graphicsCards({ environment, waitMs: 100 })).toEqual([]);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
