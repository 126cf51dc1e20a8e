/** How a list is run, and the one place where that is decided. */
import type { PackedForm } from '../../network/packed/packed-form.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';

/** Everything in one run, or documents in batches with keys and values kept between them. */
export type ListPath = 'one-run' | 'batches';

/** What a device does best. */
export interface ListPolicy extends Pick<PackedForm, 'attention' | 'buckets'> {
  /** Tokens of the longest list that is taken in one run; `Infinity` where memory is the only bound. */
  readonly mostTokens: number;
}

/** What a policy depends on besides the device. */
export interface PolicyOptions {
  /** Type of products. @defaultValue `'float32'` */
  readonly computeType?: 'float32' | 'float16' | undefined;
  /**
   * Tokens of one run as the operator bounds them; a processor keeps to it, for a run cannot be interrupted.
   * @defaultValue the device's
   */
  readonly batchTokens?: number | undefined;
}

/**
 * What a device does best.
 *
 * On a processor one run wins while a list's rows lie in the cache: processor time of one run over that of batches of
 * 768 is .84 at 963 tokens, .76 at 1,575, .89 at 2,992, .97 at 4,482, 1.16 at 5,873, 1.49 at 11,679 (SmolLM2-135M's
 * shape, two cores, `npm run bench -- paths`). Batches of 3,072 tokens take 1.6 to 3.5 times as much as those of 768. On
 * a card one run wins at any length: 0.21 s against 2.5 for 11,679 tokens of Mistral-7B's shape (H200). WebGPU's fused attention is wrong
 * without a word on devices whose subgroups are small (seen on lavapipe and SwiftShader), so products compute it there;
 * CUDA's takes half precision alone.
 */
export function listPolicy(
  provider: ExecutionProvider,
  { computeType = 'float32', batchTokens }: PolicyOptions = {},
): ListPolicy {
  switch (provider) {
    case 'cpu':
      return { attention: 'fused', buckets: 4, mostTokens: batchTokens ?? 4096 };
    case 'cuda':
      return {
        attention: computeType === 'float16' ? 'fused' : 'products',
        buckets: 8,
        mostTokens: Number.POSITIVE_INFINITY,
      };
    case 'webgpu':
      return { attention: 'products', buckets: 8, mostTokens: Number.POSITIVE_INFINITY };
    default:
      throw new TypeError(`listPolicy: unknown provider ${JSON.stringify(provider satisfies never)}.`);
  }
}

/** Bytes of the two memories. */
export interface MemoryBytes {
  /** The process' own. */
  readonly host: number;
  /** The card's; 0 on a processor. */
  readonly device: number;
}

/** What is known of a list before it is run. */
export interface PathQuestion {
  /** Tokens of all its blocks. */
  readonly tokens: number;
  /** What the device does best. */
  readonly policy: ListPolicy;
  /** What each path takes. */
  readonly needs: Readonly<Record<ListPath, MemoryBytes>>;
  /** What is allowed. */
  readonly allowed: MemoryBytes;
}

/** A memory that is too small for a list. */
export interface MemoryShortage {
  /** Which one. */
  readonly memory: keyof MemoryBytes;
  /** Bytes that the list needs of it. */
  readonly neededBytes: number;
  /** Bytes that are allowed. */
  readonly allowedBytes: number;
}

/** The path of a list, or why there is none. */
export type PathChoice = { readonly path: ListPath } | { readonly shortage: MemoryShortage };

/** One run where the device is best at it and the list fits, else batches where those fit. */
export function choosePath({ tokens, policy, needs, allowed }: PathQuestion): PathChoice {
  const paths: ListPath[] = tokens <= policy.mostTokens ? ['one-run', 'batches'] : ['batches'];
  const shortages: MemoryShortage[] = [];
  for (const path of paths) {
    const shortage = shortageOf(needs[path], allowed);
    if (!shortage) return { path };
    shortages.push(shortage);
  }
  const excess = ({ neededBytes, allowedBytes }: MemoryShortage): number => neededBytes / allowedBytes;
  return { shortage: shortages.reduce((least, each) => (excess(each) < excess(least) ? each : least)) };
}

function shortageOf(needed: MemoryBytes, allowed: MemoryBytes): MemoryShortage | undefined {
  const memory = (['host', 'device'] as const).find((each) => needed[each] > allowed[each]);
  return memory && { memory, neededBytes: needed[memory], allowedBytes: allowed[memory] };
}
