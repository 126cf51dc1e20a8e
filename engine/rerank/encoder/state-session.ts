/** The sessions of an encoder's program that give the states of blocks. */
import { toOnnx } from '../../graph/onnx.ts';
import type { Value } from '../../graph/value.ts';
import { encoderGraph } from '../../network/encoder.ts';
import { inContextGraph } from '../../network/in-context-encoder.ts';
import type { Parameters } from '../../network/parameters.ts';
import { areIntegerProductsExact } from '../../session/integer-products.ts';
import type { GraphSession } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { EncoderProgramData } from './encoder-program-data.ts';
import { LateSession } from './late-session.ts';
import { residualOf } from './residual-feeds.ts';

/** The session of documents, and of queries where they are computed alike. */
export async function openStates(program: EncoderProgramData): Promise<GraphSession> {
  const { weights, precision, threads, prepack, modelDigest } = program;
  const { folder, file, table } = weights;
  const keepsSignedIntegers = precision === 'int8' && (await areIntegerProductsExact());
  const graph = graphOf(program, fileParameters(table, file));
  return openSharedSession(toOnnx(graph), { folder, threads, prepack, keepsSignedIntegers }, modelDigest);
}

/** The session of query blocks where they are not computed as documents are. */
export async function openQueries({
  queries,
  ...program
}: EncoderProgramData): Promise<LateSession | undefined> {
  if (!queries) return undefined;
  const session = new LateSession(() => openStates({ ...program, ...queries }));
  if (!queries.isLate) await session.open();
  return session;
}

function graphOf(
  { config, precision, residual, gates }: EncoderProgramData,
  parameters: Parameters,
): Record<string, Value> {
  if (gates) return inContextGraph(config, parameters, { precision, gatedLayers: [...gates.keys()] });
  const sums = residual && residualOf(residual);
  return { states: encoderGraph(config, parameters, { precision, residual: sums }).states };
}
