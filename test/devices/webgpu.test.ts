import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { assertAllClose } from '../support/checks/all-close.ts';
import { builtProgram } from '../support/programs/built.ts';
import { parityFixtures } from '../support/tiny/tiny-decoder.ts';

/** The software Vulkan device that Debian's chromium brings; a machine with a GPU names its own driver. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';
const driver = process.env['VK_ICD_FILENAMES'] ?? (existsSync(swiftShader) ? swiftShader : undefined);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A process of its own: the Vulkan loader reads its environment once. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [builtProgram(program), ...args], {
    cwd: root,
    env: { ...process.env, VK_ICD_FILENAMES: driver },
  });
  return stdout.trim().split('\n').at(-1)!;
}

if (!driver)
  console.log(
    'WebGPU is skipped: no Vulkan driver is named (apt-get install libvulkan1 chromium brings one).',
  );

// No part of a graph may run on the processor: a session of a named device refuses to be opened otherwise.
describe.skipIf(!driver)('WebGPU', () => {
  it('computes what the official implementation computes, for Mistral, Llama and Qwen', async () => {
    // A device in software takes minutes for all of them: `npm run parity -- test/fixtures/blockrank-parity webgpu`.
    const some = 'one-document,three-documents,truncated-by-cap,icr-small';
    const line = await run('scripts/parity/main.ts', parityFixtures, 'webgpu', some);
    expect(JSON.parse(line)).toMatchObject({ cases: 10, idsEqual: true, rankingsEqual: true });
  });

  it('computes gradients of an encoder in one graph, as the processor does', async () => {
    const report = JSON.parse(await run('test/support/programs/webgpu-gradients-program.ts')) as {
      gradients: number;
      largest: number;
      difference: number;
    };
    expect(report.gradients).toBeGreaterThan(40);
    expect(report.largest).toBeGreaterThan(0.1);
    // Sums of float32 in another order.
    expect(report.difference).toBeLessThan(1e-5 * Math.max(1, report.largest));
  });

  it('agrees with the processor for both families', async () => {
    const report = JSON.parse(await run('test/support/programs/webgpu-program.ts')) as Record<
      string,
      { provider: string; difference: number }
    > & {
      readonly half?: string | { difference: number };
      readonly encoderHalf?: { difference: number };
      readonly byDefault?: string;
      readonly refused?: string;
      readonly automatic?: { readonly provider: string; readonly notes: readonly string[] };
    };
    for (const family of ['encoder', 'decoder']) {
      expect(report[family]!.provider).toBe('webgpu');
      expect(report[family]!.difference).toBeLessThan(1e-4);
    }
    const { half, encoderHalf, byDefault, refused, automatic } = report;
    // A device that computes in software opens, and is no reason to leave the processor.
    if (/lvp|lavapipe|swiftshader/i.test(driver!)) {
      expect(automatic).toEqual({
        provider: 'cpu',
        notes: [expect.stringMatching(/^device "auto" takes the processor: .* in software$/)],
      });
    }
    expect(byDefault).toBe('webgpu');
    expect(refused).toBe('device');
    if (typeof half === 'string') console.log(`Half precision is skipped: ${half}`);
    else {
      expect(half!.difference).toBeLessThan(2e-3);
      expect(encoderHalf!.difference).toBeLessThan(2e-3);
      expect(encoderHalf!.difference).toBeGreaterThan(0);
    }
  });

  it('serves any number of rerankers at once, whatever workers they ask for and whatever their weights are kept in', async () => {
    const report = JSON.parse(await run('test/support/programs/webgpu-together-program.ts')) as Record<
      string,
      { provider: string; difference: number }
    >;
    expect(Object.keys(report)).toHaveLength(5);
    for (const [name, { provider, difference }] of Object.entries(report)) {
      expect([name, provider]).toEqual([name, 'webgpu']);
      expect(difference).toBeLessThan(1e-4);
    }
  });

  it('takes a list in one run where it fits, in batches where only those do, and says what it needs otherwise', async () => {
    const report = JSON.parse(await run('test/support/programs/webgpu-limits-program.ts')) as LimitsReport;
    const { limits, roomy, tight, small, asked } = report;
    expect(limits.tight).toBeLessThan(limits.roomy);
    expect(roomy).toMatchObject({ kind: 'ranked', oneRun: 1, batches: 0 });
    expect(tight).toMatchObject({ kind: 'ranked', oneRun: 0 });
    expect(tight.batches).toBeGreaterThan(2);
    expect(small).toEqual({ kind: 'too-large', oneRun: 0, batches: 0 });
    assertAllClose(tight.logits!, roomy.logits!, { atol: 1e-4 });
    assertAllClose(asked.tight, roomy.logits!, { atol: 1e-4 });
    expect(asked.small).toEqual({
      name: 'MemoryLimitError',
      memory: 'device',
      neededBytes: limits.tight,
      allowedBytes: limits.small,
      message: expect.stringMatching(
        /^Cannot rerank: shortlist needs \d+ MB of the device, \d+ MB are allowed: lower rankWindowSize, maxDocumentTokens or batchTokens\.$/,
      ),
    });
  });
});

interface LimitsReport {
  readonly limits: Readonly<Record<'roomy' | 'tight' | 'small', number>>;
  readonly roomy: LimitedRun;
  readonly tight: LimitedRun;
  readonly small: LimitedRun;
  readonly asked: { readonly tight: readonly number[]; readonly small: unknown };
}

/** What a list was answered under one limit, and how often each runner was called. */
interface LimitedRun {
  readonly kind: string;
  readonly oneRun: number;
  readonly batches: number;
  readonly logits?: readonly number[];
}
