/** What each worker of a cross-encoder runs: tokenising, and the network over pairs of query and document. */
import { readFile } from 'node:fs/promises';
import { InferenceError } from '../../errors.ts';
import { readJson } from '../../model/read-json.ts';
import { areIntegerProductsExact } from '../../session/integer-products.ts';
import type { WorkerProgram } from '../../session/messages.ts';
import type { GraphSession, SessionOptions } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { parseTokenizer, type Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type CrossEncoderCaps, type Pair, toPair, toPairFeeds } from './pairs.ts';

/** What a worker needs to open the program; structured-cloneable. */
export interface CrossEncoderProgramData {
  /** The ONNX file, with inputs `input_ids`, `attention_mask`, maybe `token_type_ids`, and the output `logits`. */
  readonly modelPath: string;
  /** Path of `tokenizer.json`. */
  readonly tokenizerPath: string;
  /** Names the model's content. */
  readonly digest: string;
  /** Token budgets. */
  readonly caps: CrossEncoderCaps;
  /** How the graph runs. */
  readonly session: SessionOptions;
}

/** What a worker is asked. */
export type CrossEncoderTask =
  | { readonly kind: 'tokenise'; readonly query: string; readonly texts: readonly string[] }
  | { readonly kind: 'score'; readonly pairs: readonly Pair[] };

/** What a worker answers, by the task's kind. */
export interface CrossEncoderAnswers {
  /** One pair a text; none when the query has no token. */
  readonly tokenise: readonly Pair[] | undefined;
  /** One logit a pair. */
  readonly score: Float32Array;
}

type Answer = CrossEncoderAnswers[CrossEncoderTask['kind']];

/** Opens the program in this thread. @throws InferenceError when the file is no graph of a cross-encoder. */
export async function open(data: unknown): Promise<WorkerProgram<CrossEncoderTask, Answer>> {
  const program = data as CrossEncoderProgramData;
  const { modelPath, tokenizerPath, digest, session: asked } = program;
  const isOnProcessor = (asked.provider ?? 'cpu') === 'cpu';
  const options = { ...asked, keepsSignedIntegers: isOnProcessor && (await areIntegerProductsExact()) };
  const tokenizer = parseTokenizer(await readJson(tokenizerPath), tokenizerPath);
  const session = await openSharedSession(await readFile(modelPath), options, digest);
  const lacking = ['input_ids', 'attention_mask'].find((name) => !session.inputs.has(name));
  if (lacking !== undefined || !session.outputs.has('logits')) {
    await session.release();
    const names = `inputs ${[...session.inputs].join(', ')}; outputs ${[...session.outputs].join(', ')}`;
    throw new InferenceError(
      `Cannot open "${modelPath}": expected inputs input_ids and attention_mask and an output logits, found ${names}; export the model as one for sequence classification.`,
      { executionProvider: options.provider ?? 'cpu' },
    );
  }
  return {
    run: async (task) =>
      task.kind === 'tokenise'
        ? toPairs(task, tokenizer, program.caps)
        : score(task.pairs, tokenizer, session),
    close: () => session.release(),
  };
}

function toPairs(
  { query, texts }: Extract<CrossEncoderTask, { kind: 'tokenise' }>,
  tokenizer: Tokenizer,
  caps: CrossEncoderCaps,
): readonly Pair[] | undefined {
  const asked = tokenizer.encode(query.slice(0, caps.maxQueryTokens * charactersPerToken));
  if (asked.length === 0) return undefined;
  const own = asked.subarray(0, caps.maxQueryTokens);
  return texts.map((text) => toPair(own, text, tokenizer, caps));
}

/** A query of more characters a token is cut before it is tokenised. */
const charactersPerToken = 64;

async function score(
  pairs: readonly Pair[],
  { padId }: Tokenizer,
  session: GraphSession,
): Promise<Float32Array> {
  const feeds = toPairFeeds(pairs, padId);
  const wanted = Object.entries(feeds).filter(([name]) => session.inputs.has(name));
  const { logits } = await session.run(Object.fromEntries(wanted), ['logits']);
  const [rows, columns] = logits!.shape;
  if (rows !== pairs.length || columns !== 1) {
    throw new RangeError(`score: expected logits of shape [${pairs.length}, 1], got [${logits!.shape}].`);
  }
  return Float32Array.from(logits!.data as Float32Array);
}
