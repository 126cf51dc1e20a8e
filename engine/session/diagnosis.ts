/** What a device can do here, and what it lacks. */
import { type CudaLibraries, cudaLibraries } from './cuda-libraries.ts';
import { askDevice, objectionTo, speedOf } from './device.ts';
import { float32Products } from './float32-products.ts';
import { type GraphicsCard, graphicsCards } from './graphics-cards.ts';
import type { ExecutionProvider } from './runtime.ts';

/** What {@link examineDevice} found. */
export interface DeviceReport {
  /** The device. */
  readonly device: ExecutionProvider;
  /** Whether a model can run on it here. */
  readonly opens: boolean;
  /** Why it does not open, and what to do; one entry a thing. Empty where it opens. */
  readonly problems: readonly string[];
  /** What to know of it though it opens. */
  readonly notes: readonly string[];
  /** Whether it multiplies in half precision; absent where it does not open. */
  readonly halfPrecision?: boolean;
  /** 10^9 additions and multiplications a second of one matrix product, by type; absent where it does not open. */
  readonly gigaflops?: Readonly<Partial<Record<'float32' | 'float16', number>>>;
  /** Of `cuda` alone: whether float32 products are rounded to TF32 (11 bits of 24). */
  readonly isTf32?: boolean;
  /** Of `cuda` alone: its libraries. */
  readonly libraries?: CudaLibraries;
  /** Of `cuda` alone: the cards that the driver tells of. */
  readonly cards?: readonly GraphicsCard[];
}

/** First compute capability with TF32. */
const tf32Capability = 8;

/**
 * Opens a device, times a product on it, and looks for what it lacks. A driver that is broken may end the process:
 * a caller who wants to outlive that examines in a process of its own.
 *
 * @param environment - Environment variables: where libraries are looked for, and how float32 is computed.
 */
export async function examineDevice(
  device: ExecutionProvider,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DeviceReport> {
  if (device === 'cuda') return examineCuda(environment);
  const able = await ability(device);
  const objection = able.opens ? await objectionTo(device, able.gigaflops?.float32) : undefined;
  return { device, ...able, notes: objection === undefined ? [] : [objection] };
}

type Ability = Pick<DeviceReport, 'opens' | 'problems' | 'halfPrecision' | 'gigaflops'>;

async function ability(device: ExecutionProvider): Promise<Ability> {
  const answer = await askDevice(device, { kind: 'opens' });
  if (!answer.isAble) return { opens: false, problems: [answer.reason] };
  const half = await askDevice(device, { kind: 'half' });
  const float32 = await speedOf(device, 'float32');
  const float16 = half.isAble ? await speedOf(device, 'float16') : undefined;
  return {
    opens: true,
    problems: [],
    halfPrecision: half.isAble,
    gigaflops: {
      ...(float32 !== undefined && { float32 }),
      ...(float16 !== undefined && { float16 }),
    },
  };
}

async function examineCuda(environment: Readonly<Record<string, string | undefined>>): Promise<DeviceReport> {
  const libraries = cudaLibraries(environment);
  const cards = await graphicsCards({ environment });
  const about = { device: 'cuda', libraries, cards } as const;
  if (libraries.provider === undefined) {
    return { ...about, opens: false, problems: libraries.missing, notes: [] };
  }
  const able = await ability('cuda');
  if (!able.opens)
    return { ...about, ...able, problems: [...libraries.missing, ...able.problems], notes: [] };
  const isTf32 =
    float32Products('cuda', environment) === 'tf32' &&
    cards.every(({ computeCapability }) => computeCapability >= tf32Capability);
  return { ...about, ...able, isTf32, notes: isTf32 ? [tf32Note] : [] };
}

const tf32Note =
  'float32 products are rounded to TF32 (scores within 1e-3 in place of 1e-6): set NVIDIA_TF32_OVERRIDE=0 before Node starts to compute them whole';
