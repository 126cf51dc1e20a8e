import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DeviceReport } from '../../../engine/index.ts';
import { deviceLines } from '../../../plugin/cli/doctor/doctor.ts';
import { examine } from '../../../plugin/cli/doctor/examine.ts';
import { runCli } from '../../support/programs/run-cli.ts';

const driver = process.env['VK_ICD_FILENAMES'];
const asked = { env: process.env, signal: new AbortController().signal };

/** A program in place of the one that opens a device. */
async function programOf(source: string): Promise<URL> {
  const path = join(await mkdtemp(join(tmpdir(), 'blockrank-doctor-')), 'program.mjs');
  await writeFile(path, source);
  return pathToFileURL(path);
}

describe('blockrank doctor', () => {
  it('says of every device whether it opens, and ends well while the processor does', async () => {
    const { code, stdout } = await runCli(
      ['doctor', '--json'],
      driver ? { env: { VK_ICD_FILENAMES: driver } } : {},
    );
    expect(code).toBe(0);
    const { devices } = JSON.parse(stdout) as { devices: DeviceReport[] };
    expect(devices.map(({ device }) => device)).toEqual(['cpu', 'webgpu', 'cuda']);
    const [cpu, webgpu, cuda] = devices as [DeviceReport, DeviceReport, DeviceReport];
    expect(cpu).toMatchObject({ opens: true, problems: [], halfPrecision: true });
    expect(cpu.gigaflops!.float32).toBeGreaterThan(0.1);
    if (driver) expect(webgpu.opens).toBe(true);
    for (const { opens, problems } of devices) expect(problems.length > 0).toBe(!opens);
    expect(cuda.libraries).toBeDefined();
  });

  it('ends with 1 when the device that is named does not open, and says what to install', async () => {
    const { code, stdout, stderr } = await runCli(['doctor', '--device', 'cuda']);
    if (code === 0) return console.log('Skipped: CUDA opens here.');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^cuda +does not open\n/);
    expect(stdout).toMatch(
      /libcuda\.so\.1: install NVIDIA's driver|libonnxruntime_providers_cuda\.so: install/,
    );
    expect(stderr).toContain('blockrank: The device "cuda" does not open here: lib');
  });

  it('refuses a device that is none', async () => {
    const { code, stderr } = await runCli(['doctor', '--device', 'tpu']);
    expect(code).toBe(2);
    expect(stderr).toContain('all, cpu, webgpu, cuda');
  });
});

describe('examine', () => {
  it('outlives a driver that ends its process, and says so', async () => {
    const program = await programOf(
      `console.error('first line\\nlast words'); process.kill(process.pid, 'SIGSEGV');`,
    );
    const { opens, problems } = await examine(asked, 'webgpu', program);
    expect(opens).toBe(false);
    expect(problems).toEqual([expect.stringMatching(/ended with SIGSEGV: last words; its driver is broken/)]);
  });

  it('gives what the other process reports, whatever libraries print on its standard error', async () => {
    const report = { device: 'webgpu', opens: true, problems: [], notes: [] };
    const program = await programOf(
      `console.error('a library talks'); process.stdout.write(${JSON.stringify(JSON.stringify(report))});`,
    );
    expect(await examine(asked, 'webgpu', program)).toEqual(report);
  });

  it('ends with the reason of its signal', async () => {
    const program = await programOf('setInterval(() => {}, 1000);');
    const reason = new Error('not wanted any more');
    const abort = new AbortController();
    const call = examine({ ...asked, signal: abort.signal }, 'webgpu', program);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe('deviceLines', () => {
  it('names speeds, half precision, TF32, libraries and cards, a line a thing', () => {
    const libraries = {
      provider: '/p',
      wanted: 13,
      needed: {},
      driver: '/d',
      versions: [12, 13],
      missing: [],
    };
    const card = {
      name: 'NVIDIA H200',
      totalBytes: 150e9,
      freeBytes: 140e9,
      driver: '580.1',
      computeCapability: 9,
    };
    const report: DeviceReport = {
      device: 'cuda',
      opens: true,
      problems: [],
      notes: ['float32 products are rounded'],
      halfPrecision: true,
      gigaflops: { float32: 350_000.4, float16: 700_000 },
      isTf32: true,
      libraries,
      cards: [card],
    };
    expect(deviceLines(report)).toEqual([
      'cuda    opens: 350000 GFLOP/s in float32, 700000 GFLOP/s in float16',
      '        float32 products are rounded',
      '        CUDA 12 and 13 libraries are here',
      '        NVIDIA H200, 150.0 GB of memory of which 140.0 free, driver 580.1',
    ]);
  });

  it('gives of a problem its first line', () => {
    const report: DeviceReport = {
      device: 'webgpu',
      opens: false,
      problems: ['no adapter\n  at x'],
      notes: [],
    };
    expect(deviceLines(report)).toEqual(['webgpu  does not open', '        no adapter']);
  });
});
