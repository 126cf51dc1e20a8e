import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { objectionTo, slowness } from '../../../engine/session/device.ts';
import { mayHaveCard } from '../../../engine/session/device-files.ts';

/** A folder like /dev with these files. */
async function filesOf(...files: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-dev-'));
  await mkdir(join(folder, 'dri'));
  for (const file of ['null', 'tty', ...files]) await writeFile(join(folder, file), '');
  return folder;
}

describe('mayHaveCard', () => {
  it.each(['dri/renderD128', 'nvidia0', 'dxg'])('finds a card behind /dev/%s', async (file) => {
    expect(mayHaveCard(await filesOf(file))).toBe(true);
  });

  it('finds none behind a screen without a render node, nor behind a driver that was loaded for no card', async () => {
    expect(mayHaveCard(await filesOf('dri/card0', 'nvidiactl', 'nvidia-uvm'))).toBe(false);
    expect(mayHaveCard(await mkdtemp(join(tmpdir(), 'blockrank-dev-')))).toBe(false);
  });
});

describe('slowness', () => {
  it('speaks against a device that is slower than the processor, as software devices are', () => {
    expect(slowness(3.2, 201.7)).toBe(
      'device "auto" takes the processor: this device computes 3 GFLOP/s in float32 and the processor 202, as a driver does that computes in software',
    );
    expect(slowness(undefined, 10)).toContain('computes 0 GFLOP/s');
  });

  it('lets a faster one be', () => {
    expect(slowness(900, 201.7)).toBeUndefined();
  });
});

describe('objectionTo', () => {
  it('has none to what computes on a card or on the processor for certain', async () => {
    expect(await objectionTo('cuda')).toBeUndefined();
    expect(await objectionTo('cpu')).toBeUndefined();
  });

  it('has one to WebGPU on a machine without a card, whatever its speed', async () => {
    if (mayHaveCard()) return console.log('Skipped: there may be a card here.');
    expect(await objectionTo('webgpu', 1e6)).toContain('there is no graphics card');
  });
});
