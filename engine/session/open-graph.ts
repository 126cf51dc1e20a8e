/** Opens a graph on worker threads, or on a device's own. */
import { toOnnx } from '../graph/onnx.ts';
import type { Value } from '../graph/value.ts';
import type { GraphAnswer, GraphProgramData, GraphTask } from './graph-program.ts';
import { openProgram } from './open-program.ts';
import type { PooledProgram } from './pool.ts';
import { programModule } from './program-module.ts';
import type { ExecutionProvider } from './runtime.ts';

/** Options of {@link openGraph}. */
export interface GraphOptions {
  /** Folder that tensors in files are relative to. @defaultValue the working directory */
  readonly folder?: string;
  /** What computes. @defaultValue `'cpu'` */
  readonly provider?: ExecutionProvider;
  /** Workers, each with a session of its own. A device has one whatever is asked for. @defaultValue 1 */
  readonly workers?: number;
  /** Threads of one run. @defaultValue 1 */
  readonly threads?: number;
}

/** Opens the graph of some outputs. Its runs are the same numbers whichever worker makes them. @throws InferenceError */
export function openGraph(
  outputs: Readonly<Record<string, Value>>,
  { folder = '.', provider = 'cpu', workers = 1, threads = 1 }: GraphOptions = {},
): Promise<PooledProgram<GraphTask, GraphAnswer>> {
  const program = programModule('graph-program', import.meta.url);
  const session = { folder, threads, prepack: true, provider };
  const data: GraphProgramData = { model: toOnnx(outputs), session };
  return openProgram({ program, data, executionProvider: provider }, workers);
}
