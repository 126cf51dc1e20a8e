import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BenchUsageError, readArguments } from '../../bench/arguments.ts';
import { checksOf } from '../../bench/gpu/checks.ts';
import { overlaid } from '../../bench/gpu/part.ts';
import { runStep, type StepLine } from '../../bench/gpu/run-step.ts';
import { halfStep, inFloat32, partNames, stepsOf } from '../../bench/gpu/steps.ts';
import { gpu } from '../../bench/gpu.ts';
import { holds } from '../../bench/support/bench.ts';
import { warm } from '../../bench/warm.ts';
import { runTool, type Said } from '../support/programs/deploy-tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'blockrank-bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bench = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Said =>
  runTool(process.execPath, ['--import', 'tsx', 'bench/main.ts', ...args], { env });

type Line = StepLine & { readonly bench: string; readonly [name: string]: unknown };
const linesOf = ({ stdout }: Said): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

/** A driver's program that knows one card, whose memory rises from 500 to 900 MiB. */
function madeUpDriver(): string {
  const path = join(folder, 'nvidia-smi');
  const script = `#!/bin/sh
case "$*" in
  *memory.used*) echo 500; echo 900; echo 700; exec sleep 60;;
  *) echo 'Made-up H1, 580.1, 81920';;
esac
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return `${folder}${delimiter}${process.env['PATH']}`;
}

describe('the GPU bench on a processor', () => {
  const said = bench(['gpu', '--json', '--device', 'cpu', '--shape', 'small'], {
    PATH: madeUpDriver(),
    TMPDIR: folder,
    BENCH_PYTHON: join(folder, 'no-python'),
  });
  const lines = linesOf(said);
  const lineOf = (part: string, variant?: string): Line =>
    lines.find((line) => line.part === part && (variant === undefined || line.variant === variant))!;

  it('prints a line for every part and the whole as the last one', () => {
    expect(said.status).toBe(0);
    expect([...new Set(lines.slice(0, -1).map(({ part }) => part))]).toEqual(partNames);
    expect(lines.at(-1)).toMatchObject({
      bench: 'gpu',
      parts: lines.slice(0, -1).map(({ part }) => ({ part })),
    });
  });

  it('says in every line what its figures belong to', () => {
    for (const line of lines.slice(0, -1)) {
      expect(line).toMatchObject({
        bench: 'gpu',
        card: { name: 'Made-up H1', driver: '580.1', memoryMiB: 81_920 },
        device: 'cpu',
        isTf32Allowed: false,
        rounds: expect.any(Number),
        sizes: expect.any(Object),
        seconds: expect.any(Number),
        peakCardMiB: 400,
        versions: { 'onnxruntime-node': expect.stringMatching(/^\d+\.\d+\.\d+/) },
      });
    }
    expect(lineOf('block')).toMatchObject({ shape: 'small', stored: 'float32', computed: 'float32' });
    expect(lineOf('encoder')).toMatchObject({ precision: 'fp32' });
  });

  it('measures products and copies alone', () => {
    expect(lineOf('ceiling')).not.toHaveProperty('error');
    expect(lineOf('ceiling').figures).toEqual({
      tflopPerSecondByRows: { 16: expect.any(Number), 64: expect.any(Number) },
      copies: { upGBPerSecond: expect.any(Number), downGBPerSecond: expect.any(Number) },
    });
  });

  it('measures the encoder, cold and warm', () => {
    expect(lineOf('encoder')).not.toHaveProperty('error');
    const times = {
      coldMs: expect.any(Number),
      warmP50Ms: expect.any(Number),
      warmP95Ms: expect.any(Number),
    };
    expect(lineOf('encoder').figures).toMatchObject({
      openingMsByBatchTokens: { 384: expect.any(Number) },
      byDocuments: { 4: { byBatchTokens: { 384: times } } },
    });
  });

  const listFigures = {
    // 92 of the instruction, 66 of the query block, four documents.
    tokens: 770,
    ms: expect.any(Number),
    productsShare: expect.any(Number),
    copyMs: expect.any(Number),
  };

  it.each([
    ['block', 'one-run'],
    ['block', 'bfloat16 stored'],
    ['webgpu', ''],
  ])('measures blocks in one run: %s %s', (part, variant) => {
    const line = lineOf(part, variant);
    expect(line).not.toHaveProperty('error');
    expect(line).toMatchObject({ path: 'one-run' });
    expect(line.figures).toMatchObject({ openingMs: expect.any(Number), byDocuments: { 4: listFigures } });
    // Logits of two signal tokens over 612 tokens of documents, four heads: nothing else comes back.
    expect(line.figures).toMatchObject({ byDocuments: { 4: { bytesDown: 4 * 2 * 612 * 4 } } });
  });

  it('measures blocks in batches: each step, and the batch that is fastest', () => {
    const line = lineOf('block', 'batches');
    expect(line).not.toHaveProperty('error');
    const steps = {
      instructionMs: expect.any(Number),
      documentsMs: expect.any(Number),
      queryMs: expect.any(Number),
    };
    expect(line.figures).toMatchObject({
      openingMs: expect.any(Number),
      byBatchTokens: { 128: expect.any(Number), 768: expect.any(Number) },
      byDocuments: { 4: { ...listFigures, ...steps, batchTokens: expect.any(Number) } },
      even: { documents: 4, tokens: 238 },
    });
  });

  it('measures the whole text beside blocks, and with its answer decoded', () => {
    for (const path of ['one-run', 'batches']) {
      const line = lineOf('full', path);
      expect(line).not.toHaveProperty('error');
      const figures = { tokens: 770, wholeOverBlock: expect.any(Number) };
      expect(line.figures).toMatchObject({ byDocuments: { 4: figures } });
    }
    expect(lineOf('full', 'batches').figures).toMatchObject({
      byDocuments: { 4: { withDecodingOverBlock: expect.any(Number) } },
    });
  });

  it('goes on after a part that failed, which says why', () => {
    const at = lines.findIndex(({ part }) => part === 'peer');
    expect(lines[at]!.error).toContain(`Cannot run "${join(folder, 'no-python')}"`);
    expect(lines[at + 1]).toMatchObject({ part: 'block' });
    expect(said.stderr).toContain('gpu: webgpu');
  });

  it('leaves a promise open where a part did not run', () => {
    const { checks } = lines.at(-1) as unknown as { readonly checks: readonly { readonly value: null }[] };
    expect(checks).toHaveLength(7);
    for (const check of checks) expect(check).toMatchObject({ value: null, holds: null });
  });

  it('leaves no file behind', () => {
    expect(readdirSync(folder).filter((name) => name.startsWith('blockrank-gpu-'))).toEqual([]);
  });
});

describe('overlaid', () => {
  it('keeps what was said before, and takes the later of two figures', () => {
    const before = { byDocuments: { 25: { blockMs: 1 } }, torch: '2' };
    const after = { byDocuments: { 25: { wholeMs: 2 }, 50: { wholeMs: 3 } }, torch: '3' };
    expect(overlaid(before, after)).toEqual({
      byDocuments: { 25: { blockMs: 1, wholeMs: 2 }, 50: { wholeMs: 3 } },
      torch: '3',
    });
  });
});

describe('runStep', () => {
  const context = { card: null, copies: null, execArgv: ['--import', 'tsx'] };
  const [step] = stepsOf({ parts: ['block'], device: 'cpu', shape: 'small' });

  it('ends a part that takes longer than it may, and says so', async () => {
    const line = await runStep({ ...step!, limitMs: 200 }, context);
    expect(line).toMatchObject({ error: 'It was not done within 0.2 s.', limitSeconds: 0.2, figures: {} });
  });

  it('says with what a process ended that said nothing itself', async () => {
    const line = await runStep({ ...step!, env: { NODE_OPTIONS: '--no-such-option' } }, context);
    expect(line.error).toBe('Its process ended with exit code 9.');
  });
});

describe('readArguments', () => {
  const benches = { warm, gpu };

  it('runs every bench but those that only run by name', () => {
    expect(readArguments([], benches)).toEqual({ names: ['warm'], wantsJson: false, options: {} });
  });

  it('takes options of the bench that is named', () => {
    const args = ['gpu', '--json', '--part', 'block', '--part', 'full', '--shape', 'smol', '--device', 'cpu'];
    expect(readArguments(args, benches)).toEqual({
      names: ['gpu'],
      wantsJson: true,
      options: { parts: ['block', 'full'], shape: 'smol', device: 'cpu' },
    });
  });

  it.each([
    [['warm', '--shape', 'small'], 'The bench "warm" takes no --shape.'],
    [
      ['gpu', '--part', 'memory'],
      '--part: expected one of ceiling, encoder, peer, block, full, webgpu, got "memory".',
    ],
    [['gpu', '--device', 'tpu'], '--device: expected one of cpu, cuda, webgpu, got "tpu".'],
    [['fast'], 'NAME: expected one of warm, gpu, got "fast".'],
    [['gpu', '--fast'], 'Usage: npm run bench'],
  ])('refuses %j', (args, message) => {
    expect(() => readArguments(args, benches)).toThrow(BenchUsageError);
    expect(() => readArguments(args, benches)).toThrow(message);
  });
});

describe('the bench program', () => {
  it('says what is wrong with its arguments, and ends with 2', () => {
    const { status, stderr } = bench(['fast']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('NAME: expected one of encode, ')]);
  });
});

describe('stepsOf', () => {
  it('takes a card for everything but what is WebGPU by name', () => {
    const devices = stepsOf({}).map(({ part, variant, options }) => [part, variant, options.device]);
    expect(devices).toContainEqual(['encoder', 'cuda fp32 without TF32', 'cuda']);
    expect(devices.filter(([, , device]) => device === 'webgpu')).toEqual([
      ['encoder', 'webgpu fp32', 'webgpu'],
      ['webgpu', '', 'webgpu'],
    ]);
  });

  it('forbids TF32 where Node has not started yet', () => {
    const step = stepsOf({ parts: ['encoder'] }).find(({ variant }) => variant.endsWith('without TF32'));
    expect(step?.env).toEqual({ NVIDIA_TF32_OVERRIDE: '0' });
  });
});

describe('inFloat32', () => {
  it('changes the type of products, and leaves what is stored in bfloat16', () => {
    const types = stepsOf({ parts: ['block'] }).map((step) => {
      const { stored, computed } = inFloat32(step).options;
      return [stored, computed];
    });
    expect(types).toEqual([
      ['float32', 'float32'],
      ['float32', 'float32'],
      ['bfloat16', 'float32'],
    ]);
  });

  it('is asked for where a device has no half precision', async () => {
    const context = { card: null, copies: null, execArgv: ['--import', 'tsx'] };
    expect((await runStep(halfStep('cpu'), context)).figures).toEqual({ isThere: true });
  });
});

describe('checksOf', () => {
  const line = (part: string, variant: string, figures: StepLine['figures'], device = 'cuda'): StepLine => ({
    part,
    variant,
    card: null,
    device,
    figures,
  });
  const lists = [25, 50, 100, 250, 500];
  const byList = (figure: (count: number) => StepLine['figures']): StepLine['figures'] =>
    Object.fromEntries(lists.map((count) => [count, figure(count)]));
  const lines = [
    line('peer', '', {
      block: byList((count) => ({ ms: 2 * count })),
      encoder: { float16: byList((count) => ({ tokeniseMs: count / 20, withStatesToHostMs: count / 20 })) },
    }),
    line('block', 'one-run', {
      byDocuments: byList((count) => ({ ms: count === 250 ? 550 : 2 * count, productsShare: 0.8 })),
      linearity: 0.9999,
    }),
    line('full', 'one-run', { byDocuments: { 100: { wholeOverBlock: 2 }, 500: { wholeOverBlock: 2.5 } } }),
    line('encoder', 'cuda fp16', {
      byDocuments: byList((count) => ({
        byBatchTokens: { 384: { coldMs: count }, 4096: { coldMs: count / 8 } },
      })),
    }),
    // Only the card is promised anything.
    line(
      'encoder',
      'cpu fp32',
      { byDocuments: byList(() => ({ byBatchTokens: { 384: { coldMs: 1 } } })) },
      'cpu',
    ),
  ];

  it('judges the worst list and the best batch', () => {
    const verdicts = checksOf(lines).map((check) => [check.value, holds(check)]);
    expect(verdicts).toEqual([
      [1.1, false], // 250 documents: 550 of 500 ms.
      [1, true],
      [0.9999, true],
      [0.8, true],
      [2, true],
      [2.5, false],
      [1.25, true], // 12.5 of 10 ms, 62.5 of 50.
    ]);
  });

  it('has no value where one list is missing', () => {
    const [first] = checksOf([lines[0]!, line('block', 'one-run', { byDocuments: { 25: { ms: 1 } } })]);
    expect(first!.value).toBeNull();
  });
});
