/** What a part of the GPU bench is: it runs in a process of its own and says what it finds as it finds it. */
import type { ListPath } from '../../engine/rerank/decoder/list-path.ts';
import type { ExecutionProvider } from '../../engine/session/runtime.ts';
import type { ShapeName } from '../support/decoder-shape.ts';
import type { StoredType } from '../support/random-weights.ts';

/** Sizes of each part. */
export interface PartSizes {
  readonly half: Readonly<Record<string, never>>;
  readonly ceiling: {
    /** Rows of a product. */
    readonly rows: readonly number[];
    /** Bytes of one copy. */
    readonly copyBytes: number;
  };
  readonly encoder: {
    /** Documents of a list. */
    readonly documents: readonly number[];
    readonly batchTokens: readonly number[];
    readonly warmRuns: number;
  };
  readonly peer: {
    /** Documents of a list. */
    readonly lists: readonly number[];
    /** Documents of an encoder's list. */
    readonly documents: readonly number[];
  };
  readonly block: {
    /** Documents of a list, with the lengths of passages. */
    readonly lists: readonly number[];
    /** Documents of equal length, if any. */
    readonly even?: { readonly documents: number; readonly tokens: number };
    /** Tokens of a batch to choose from, where a list goes in batches. */
    readonly batchTokens: readonly number[];
  };
  readonly full: {
    /** Documents of a list. */
    readonly lists: readonly number[];
    /** Rows of one run, where a text goes in chunks. */
    readonly chunkTokens: number;
    readonly batchTokens: number;
  };
}

/** Name of a kind of part. */
export type PartKind = keyof PartSizes;

/** What crosses the bus a second. */
export interface CopySpeed {
  readonly upGBPerSecond: number;
  readonly downGBPerSecond: number;
}

/** What a part is told; plain data. */
export interface PartOptions<Kind extends PartKind = PartKind> {
  /** What computes. */
  readonly device: ExecutionProvider;
  /** The decoder. */
  readonly shape: ShapeName;
  /** How its weights lie in the file. */
  readonly stored: StoredType;
  /** What products are computed in. */
  readonly computed: 'float32' | 'float16';
  /** The encoder's, as `openReranker` takes it. */
  readonly precision?: 'fp32' | 'fp16';
  /** How the decoder takes a list. */
  readonly path: ListPath;
  /** Measured runs, after one that is not. */
  readonly rounds: number;
  readonly sizes: PartSizes[Kind];
  /** A folder for files, which the caller makes and removes. */
  readonly folder: string;
  /** Copies as the part `ceiling` saw them; null where it did not run. */
  readonly copies: CopySpeed | null;
}

/** Figures, nested by what they belong to. */
export interface Figures {
  readonly [name: string]: Figure;
}

/** One figure, or several. */
export type Figure = number | string | boolean | null | Figures | readonly Figure[];

/** Measures, and says each figure as soon as it is there: what is said later is laid over what was said before. */
export type Part<Kind extends PartKind> = (
  options: PartOptions<Kind>,
  say: (figures: Figures) => void,
) => Promise<void>;

/** Figures with others laid over them. */
export function overlaid(under: Figures, over: Figures): Figures {
  const all: Record<string, Figure> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const before = all[name];
    all[name] = isFigures(before) && isFigures(value) ? overlaid(before, value) : value;
  }
  return all;
}

/** The figure under some names, or undefined. */
export function figureAt(
  figures: Figures | undefined,
  ...names: readonly (string | number)[]
): Figure | undefined {
  let found: Figure | undefined = figures;
  for (const name of names) found = isFigures(found) ? found[name] : undefined;
  return found;
}

/** The number under some names, or null. */
export function numberAt(
  figures: Figures | undefined,
  ...names: readonly (string | number)[]
): number | null {
  const found = figureAt(figures, ...names);
  return typeof found === 'number' ? found : null;
}

function isFigures(value: Figure | undefined): value is Figures {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
