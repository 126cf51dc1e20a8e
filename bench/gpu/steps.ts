/** What the GPU bench runs, in which sizes, within which time. */
import type { ListPath } from '../../engine/rerank/decoder/list-path.ts';
import type { ExecutionProvider } from '../../engine/session/runtime.ts';
import type { ShapeName } from '../support/decoder-shape.ts';
import type { PartKind, PartOptions, PartSizes } from './part.ts';

/** One process of the bench. */
export interface Step {
  /** What `--part` calls it. */
  readonly part: string;
  /** Which of several of the same part; empty for the only one. */
  readonly variant: string;
  readonly kind: PartKind;
  /** Milliseconds that it may take. */
  readonly limitMs: number;
  /** Environment variables to set before Node starts. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the decoder's shape and types belong to its figures. */
  readonly isDecoder: boolean;
  readonly options: Omit<PartOptions, 'folder' | 'copies'>;
}

/** Every part. */
export const partNames = ['ceiling', 'encoder', 'peer', 'block', 'full', 'webgpu'] as const;

type Sizes = Omit<PartSizes, 'half'> & {
  readonly blockBatches: PartSizes['block'];
  readonly webgpu: PartSizes['block'];
};

const cardSizes: Sizes = {
  ceiling: { rows: [768, 4096, 16_384], copyBytes: 256 * 2 ** 20 },
  encoder: { documents: [100, 500], batchTokens: [384, 4096, 16_384], warmRuns: 50 },
  peer: { lists: [25, 50, 100, 250, 500], documents: [100, 500] },
  block: {
    lists: [25, 50, 100, 250, 500],
    even: { documents: 500, tokens: 200 },
    batchTokens: [],
  },
  blockBatches: { lists: [25, 100], batchTokens: [768, 4096, 16_384] },
  full: { lists: [25, 50, 100, 500], chunkTokens: 2048, batchTokens: 768 },
  webgpu: { lists: [25, 100], batchTokens: [] },
};

const smallList: PartSizes['block'] = {
  lists: [4],
  even: { documents: 4, tokens: 20 },
  batchTokens: [128, 768],
};

const smallSizes: Sizes = {
  ceiling: { rows: [16, 64], copyBytes: 2 ** 20 },
  encoder: { documents: [4], batchTokens: [384], warmRuns: 3 },
  peer: { lists: [4], documents: [4] },
  block: smallList,
  blockBatches: smallList,
  full: { lists: [4], chunkTokens: 256, batchTokens: 768 },
  webgpu: smallList,
};

/** The longest text whose full attention goes in chunks within a minute. */
const mostChunkedDocuments = 100;

/** Asks a device whether it computes in half precision; it is no part, and makes no line. */
export function halfStep(device: ExecutionProvider): Step {
  const options = { ...usual, device, shape: 'small', stored: 'float16', computed: 'float16' } as const;
  return { ...common, part: 'half', kind: 'half', limitMs: 30_000, options: { ...options, sizes: {} } };
}

/** The step in single precision, where it was one in half precision. */
export function inFloat32(step: Step): Step {
  const { stored } = step.options;
  const types = { computed: 'float32', stored: stored === 'float16' ? 'float32' : stored } as const;
  return { ...step, options: { ...step.options, ...types } };
}

/** What the steps are made from. */
interface StepsOptions {
  /** Parts to run. @defaultValue all */
  readonly parts?: readonly string[];
  /**
   * What every part runs on. @defaultValue each part's own: `cuda`, and `webgpu` for its own part and once for the
   * encoder
   */
  readonly device?: ExecutionProvider;
  /** @defaultValue `'mistral'` */
  readonly shape?: ShapeName;
}

/** The steps of some parts, in the order in which they run. */
export function stepsOf({ parts = partNames, ...asked }: StepsOptions): Step[] {
  const all = [...deviceSteps(asked), ...encoderSteps(asked), ...decoderSteps(asked)];
  return partNames
    .filter((name) => parts.includes(name))
    .flatMap((name) => all.filter(({ part }) => part === name));
}

const sizesOf = (shape: ShapeName | undefined): Sizes => (shape === 'small' ? smallSizes : cardSizes);

/** The type that a device's products are computed in. */
const typeOn = (device: ExecutionProvider): 'float32' | 'float16' =>
  device === 'cpu' ? 'float32' : 'float16';

const common = { variant: '', env: {}, isDecoder: false } as const;

/** What of the options is not said elsewhere. */
const usual = { path: 'one-run', rounds: 3 } as const;

function deviceSteps({ device = 'cuda', shape = 'mistral' }: StepsOptions): Step[] {
  const sizes = sizesOf(shape);
  const type = typeOn(device);
  const options = { ...usual, device, shape, stored: type, computed: type };
  return [
    {
      ...common,
      part: 'ceiling',
      kind: 'ceiling',
      limitMs: 30_000,
      options: { ...options, sizes: sizes.ceiling },
    },
    { ...common, part: 'peer', kind: 'peer', limitMs: 100_000, options: { ...options, sizes: sizes.peer } },
  ];
}

function encoderSteps({ device: asked, shape = 'mistral' }: StepsOptions): Step[] {
  const device = asked ?? 'cuda';
  const { encoder: sizes } = sizesOf(shape);
  const step = (on: ExecutionProvider, precision: 'fp32' | 'fp16', env: Step['env'] = {}): Step => {
    const computed = precision === 'fp32' ? 'float32' : 'float16';
    const withoutTf32 = env['NVIDIA_TF32_OVERRIDE'] === '0' ? ' without TF32' : '';
    return {
      ...common,
      part: 'encoder',
      kind: 'encoder',
      variant: `${on} ${precision}${withoutTf32}`,
      env,
      limitMs: 45_000,
      options: { ...usual, device: on, shape, stored: computed, computed, precision, rounds: 5, sizes },
    };
  };
  if (device === 'cpu') return [step('cpu', 'fp32')];
  return [
    step(device, 'fp32'),
    ...(device === 'cuda' ? [step(device, 'fp32', { NVIDIA_TF32_OVERRIDE: '0' })] : []),
    step(device, 'fp16'),
    ...(asked === undefined ? [step('webgpu', 'fp32')] : []),
    step('cpu', 'fp32'),
  ];
}

/** The path of a card first. */
const paths: readonly ListPath[] = ['one-run', 'batches'];

function decoderSteps({ device, shape = 'mistral' }: StepsOptions): Step[] {
  const sizes = sizesOf(shape);
  const step = (
    part: 'block' | 'full' | 'webgpu',
    variant: string,
    options: Partial<Step['options']> & Pick<Step['options'], 'sizes'>,
  ): Step => {
    const on = device ?? (part === 'webgpu' ? 'webgpu' : 'cuda');
    const types = { stored: typeOn(on), computed: typeOn(on) };
    return {
      ...common,
      part,
      variant,
      kind: part === 'webgpu' ? 'block' : part,
      limitMs: part === 'block' ? 120_000 : 90_000,
      isDecoder: true,
      options: { ...usual, ...types, device: on, shape, ...options },
    };
  };
  const { lists } = sizes.full;
  const chunked = { ...sizes.full, lists: lists.filter((count) => count <= mostChunkedDocuments) };
  return [
    ...paths.map((path) =>
      step('block', path, { path, sizes: path === 'batches' ? sizes.blockBatches : sizes.block }),
    ),
    step('block', 'bfloat16 stored', {
      stored: 'bfloat16',
      sizes: { lists: lists.filter((count) => count <= mostChunkedDocuments), batchTokens: [] },
    }),
    ...paths.map((path) => step('full', path, { path, sizes: path === 'batches' ? chunked : sizes.full })),
    step('webgpu', '', { sizes: sizes.webgpu }),
  ];
}
