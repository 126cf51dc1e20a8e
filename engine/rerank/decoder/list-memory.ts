/** What a list takes of host and card by each path: arithmetic on lengths, before anything is run. */
import type { InContextPrompt } from '../../blocks/in-context-prompt.ts';
import { type PackedLayout, packedLayout } from '../../network/packed/packed-layout.ts';
import { packedBytes, packedWeightBytes } from '../../network/packed/packed-memory.ts';
import type { SessionOptions } from '../../session/runtime.ts';
import type { KeyValueShape } from '../../states/key-values.ts';
import { batchRunBytes, expandedBytes, type RequestSize, requestBytes } from './decoder-memory.ts';
import type { DecoderParts } from './decoder-runner.ts';
import { deviceBytes } from './device-memory.ts';
import type { ListPath, MemoryBytes } from './list-path.ts';
import type { ListReading, ListRunnerParts } from './list-runner.ts';

/** What a model's lists are read with. */
export interface ListMemoryParts extends Pick<ListRunnerParts, 'reading' | 'form'> {
  /** Network and weights. */
  readonly parts: DecoderParts;
  /** How graphs run. */
  readonly session: SessionOptions;
  /** What batches leave behind. */
  readonly shape: KeyValueShape;
  /** Tokens of a batch. */
  readonly batchTokens: number;
}

/** What one list needs. */
export interface ListNeeds {
  /** Tokens of all its blocks. */
  readonly tokens: number;
  /** By path. */
  readonly needs: Readonly<Record<ListPath, MemoryBytes>>;
}

const floatBytes = 4;

/** Bytes of ids, places and indices that a token is fed with. */
const fedBytes = 32;

/** Sessions that a list in batches has open: of the instruction, the documents, the query block. */
const batchSessions = 3;

/** What a prompt needs by each path. */
export function listNeeds(
  prompt: InContextPrompt,
  queries: readonly Int32Array[],
  list: ListMemoryParts,
): ListNeeds {
  const { parts, session, shape, batchTokens, form } = list;
  const size = {
    instruction: prompt.instruction.length,
    documents: prompt.documents.map(({ ids }) => ids.length),
    queries: queries.map(({ length }) => length),
  };
  const layout = packedLayout(size, form);
  const { provider = 'cpu', prepack } = session;
  const request = {
    ...size,
    query: prompt.query.length,
    batchTokens,
    expandedBytes: prepack || provider !== 'cpu' ? 0 : expandedBytes(parts.weights),
  };
  return {
    tokens: layout.tokens,
    needs: { 'one-run': oneRunNeeds(layout, request, list), batches: batchesNeeds(request, shape, list) },
  };
}

function oneRunNeeds(
  layout: PackedLayout,
  { expandedBytes: expanded }: RequestSize,
  list: ListMemoryParts,
): MemoryBytes {
  const { parts, session, form, reading } = list;
  const { config, computeType: type = 'float32' } = parts;
  const { provider = 'cpu' } = session;
  const isProcessor = provider === 'cpu';
  const isRead = reading.kind === 'attention';
  const workingBytes = packedBytes({ config, layout, form, type, isRead, keepsLogits: isProcessor });
  const results = resultBytes(layout, config.heads, reading) + layout.tokens * fedBytes;
  return {
    host: results + (isProcessor ? workingBytes + expanded : 0),
    device: deviceBytes(provider, { weightBytes: weightBytes(list), sessions: 1, workingBytes }),
  };
}

function batchesNeeds(request: RequestSize, shape: KeyValueShape, list: ListMemoryParts): MemoryBytes {
  const { config } = list.parts;
  // Counted in float32: in half precision that is enough for the arenas of the documents' and the query's session.
  return {
    host: requestBytes(config, shape, request),
    device: deviceBytes(list.session.provider ?? 'cpu', {
      weightBytes: weightBytes(list),
      sessions: batchSessions,
      workingBytes: batchRunBytes(config, shape, request),
    }),
  };
}

function weightBytes({ parts: { config, computeType: type = 'float32' }, shape }: ListMemoryParts): number {
  return packedWeightBytes(config, { layers: shape.layers, type });
}

/** What comes back, and once more in the prompt's order. */
function resultBytes({ seen, size }: PackedLayout, heads: number, reading: ListReading): number {
  const signals = 2;
  const matrices =
    reading.kind === 'signals' ? signals : size.queries.length * (reading.layers.to - reading.layers.from);
  return 2 * matrices * heads * seen * floatBytes;
}
