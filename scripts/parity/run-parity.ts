/** Runs every case under a folder. */
import { toOnnx } from '../../engine/graph/onnx.ts';
import { matmul } from '../../engine/graph/operations/index.ts';
import { input } from '../../engine/graph/value.ts';
import { openDecoderFolder } from '../../engine/model/decoder-folder.ts';
import { readPromptTools } from '../../engine/model/prompt-tools.ts';
import { type ExecutionProvider, openSession } from '../../engine/session/runtime.ts';
import { type CaseModel, compareBlockRank } from './blockrank-case.ts';
import { findCases } from './cases.ts';
import { Differences } from './compare.ts';
import { compareIcr, isModelOf } from './icr-case.ts';

/** Options of {@link runParity}. */
export interface ParityOptions {
  /** What computes. @defaultValue `'cpu'` */
  readonly provider?: ExecutionProvider;
  /** Type of products. @defaultValue `'float32'` */
  readonly computeType?: 'float32' | 'float16';
  /** Only cases whose name this is. */
  readonly names?: readonly string[];
}

/** Every difference between this engine and the cases under a folder. */
export async function runParity(root: string, options: ParityOptions = {}): Promise<Differences> {
  // WebGPU keeps compiled shaders while any session is open: this one saves compiling them anew for every case.
  const product = matmul(input('a', 'float32', [1, 1]), input('b', 'float32', [1, 1]));
  const kept = await openSession(toOnnx({ product }), {
    folder: root,
    threads: 1,
    prepack: false,
    provider: options.provider ?? 'cpu',
  });
  try {
    return await runCases(root, options);
  } finally {
    await kept.release();
  }
}

async function runCases(
  root: string,
  { provider = 'cpu', computeType = 'float32', names }: ParityOptions,
): Promise<Differences> {
  const { models, icr } = findCases(root);
  const differences = new Differences();
  const opened: CaseModel[] = [];
  for (const { folder, cases } of models) {
    const model = {
      folder: await openDecoderFolder(folder),
      tools: await readPromptTools(folder),
      session: { folder, threads: 2, prepack: true, provider },
      computeType,
    };
    opened.push(model);
    for (const each of cases) {
      if (!names || names.includes(each.name)) await compareBlockRank(model, each, differences);
    }
  }
  for (const each of icr) {
    if (names && !names.includes(each.name)) continue;
    const model = opened.find((candidate) => isModelOf(candidate, each));
    if (model) await compareIcr(model, each, differences);
    else differences.failures.push(`${each.name}: no model folder tokenises its prompt as it says`);
  }
  return differences;
}
