/** Opens a reranker over a cross-encoder's folder. */
import { availableParallelism } from 'node:os';
import type { RerankerInfo } from '../../contract.ts';
import { infoDigest } from '../../info-digest.ts';
import { openCrossEncoderFolder } from '../../model/cross-encoder-folder.ts';
import { openProgram } from '../../session/open-program.ts';
import { programModule } from '../../session/program-module.ts';
import { OptionCheck, type RerankerOptions } from '../reranker-options.ts';
import type {
  CrossEncoderAnswers,
  CrossEncoderProgramData,
  CrossEncoderTask,
} from './cross-encoder-program.ts';
import { CrossEncoderReranker } from './cross-encoder-reranker.ts';
import type { CrossEncoderCaps } from './pairs.ts';

/** Most positions of BERT; the special tokens of a pair take three. */
const positions = 512;
const specialTokens = 3;
const defaultCaps: CrossEncoderCaps = { maxQueryTokens: 64, maxDocumentTokens: 256 };
/** Tokens of one run: a few documents, so that a short list keeps several workers busy, and a call can end early. */
const defaultBatchTokens = 384;

/**
 * Opens a cross-encoder: `model.onnx` is run as it is, on the processor, over `[CLS] query [SEP] document [SEP]`; its one
 * logit is the score. Every document is read anew for every query, so that it suits a teacher better than a search.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when a file cannot be read.
 * @throws InferenceError when the runtime cannot load it, or it is no cross-encoder.
 */
export async function openCrossEncoderReranker(options: RerankerOptions): Promise<CrossEncoderReranker> {
  assertOptions(options);
  const folder = await openCrossEncoderFolder(options.model ?? '.');
  const caps = {
    maxQueryTokens: options.maxQueryTokens ?? defaultCaps.maxQueryTokens,
    maxDocumentTokens: options.maxDocumentTokens ?? defaultCaps.maxDocumentTokens,
  };
  const { path, modelPath, tokenizerPath, digest, name } = folder;
  const session = { folder: path, threads: options.threads ?? 1, prepack: options.prepack ?? true };
  const data: CrossEncoderProgramData = { modelPath, tokenizerPath, digest, caps, session };
  const program = await openProgram<CrossEncoderTask, CrossEncoderAnswers[CrossEncoderTask['kind']]>(
    { program: programModule('cross-encoder-program', import.meta.url), data, executionProvider: 'cpu' },
    options.pool ?? options.workers ?? availableParallelism(),
  );
  const info: RerankerInfo = {
    name,
    encodingDigest: infoDigest({ model: digest, caps }),
    readoutDigest: infoDigest({ scoring: 'logits' }),
    profile: 'in-context',
    executionProvider: 'cpu',
    languages: [],
    fusionWeight: 0,
    get ready(): boolean {
      return program.isOpen;
    },
  };
  return new CrossEncoderReranker(info, program, options.batchTokens ?? defaultBatchTokens);
}

function assertOptions(options: RerankerOptions): void {
  const check = new OptionCheck(options, 'a cross-encoder');
  const { maxQueryTokens = defaultCaps.maxQueryTokens } = options;
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('maxQueryTokens', 1, positions - specialTokens - 1);
  check.whole('maxDocumentTokens', 1, positions - specialTokens - maxQueryTokens);
  check.whole('batchTokens', 1, 1_000_000);
  check.oneOf('device', ['cpu', 'auto']);
  check.finish();
}
