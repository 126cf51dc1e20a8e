/** What each worker thread of a decoder runs: one request from words to scores. */
import type { InContextPrompt } from '../../blocks/in-context-prompt.ts';
import { type PromptTools, readPromptTools } from '../../model/prompt-tools.ts';
import type { WorkerProgram } from '../../session/messages.ts';
import type {
  CountTask,
  DecoderAnswers,
  DecoderTask,
  DocumentScore,
  HeadsTask,
  RankTask,
} from './decoder-tasks.ts';
import {
  type EncodedRequest,
  InContextScorer,
  type ScoredRequest,
  type ScorerOptions,
} from './in-context-scorer.ts';
import { choosePath } from './list-path.ts';
import { toTextSpans } from './text-spans.ts';

/** What a worker needs to open the program; structured-cloneable. */
export interface DecoderProgramData extends ScorerOptions {
  /** The model's folder. */
  readonly modelPath: string;
}

type Answer = DecoderAnswers[DecoderTask['kind']];

/** Opens the program in this thread. */
export async function open(data: unknown): Promise<WorkerProgram<DecoderTask, Answer>> {
  const program = data as DecoderProgramData;
  return new DecoderProgram(program, await readPromptTools(program.modelPath));
}

/** Why a request ended before it was scored. */
type Ended = Exclude<DecoderAnswers['rank'], { readonly kind: 'ranked' }>;

class DecoderProgram implements WorkerProgram<DecoderTask, Answer> {
  readonly #program: DecoderProgramData;
  readonly #tools: PromptTools;
  readonly #scorer: InContextScorer;

  constructor(program: DecoderProgramData, tools: PromptTools) {
    this.#program = program;
    this.#tools = tools;
    this.#scorer = new InContextScorer(program, tools);
  }

  async run(task: DecoderTask): Promise<Answer> {
    switch (task.kind) {
      case 'rank':
        return this.#rank(task);
      case 'heads':
        return this.#heads(task);
      case 'continue':
        return this.#continue(task.text, task.tokens);
      case 'count':
        return this.#count(task);
      default:
        throw new TypeError(`run: unknown task ${JSON.stringify(task satisfies never)}.`);
    }
  }

  close(): Promise<void> {
    return this.#scorer.release();
  }

  async #rank(task: RankTask): Promise<DecoderAnswers['rank']> {
    const request = await this.#encode(task);
    if ('kind' in request) return request;
    const scored = await this.#scorer.score(request);
    return {
      kind: 'ranked',
      documents: this.#toDocuments(scored, request.documents.documentTokens, task),
      ...toUsage(request.prompt),
    };
  }

  async #heads(task: HeadsTask): Promise<DecoderAnswers['heads']> {
    const request = await this.#encode(task);
    if ('kind' in request) return request;
    return { kind: 'heads', ...(await this.#scorer.headScores(request)) };
  }

  async #encode(task: RankTask | HeadsTask): Promise<EncodedRequest | Ended> {
    const { query, instruction, texts, allowed, cancelled } = task;
    const prompt = this.#scorer.prompts.prompt(query, texts, { instruction });
    const { policy } = this.#scorer;
    const choice = choosePath({ ...this.#scorer.needs(prompt), policy, allowed });
    if ('shortage' in choice) return { kind: 'too-large', ...choice.shortage };
    const isCancelled = (): boolean => Atomics.load(cancelled, 0) === 1;
    const request = await this.#scorer.encode(prompt, { path: choice.path, isCancelled });
    return request ?? { kind: 'cancelled' };
  }

  #toDocuments(
    { logits, documents, tokens }: ScoredRequest,
    documentTokens: readonly number[],
    { texts, explain }: RankTask,
  ): DocumentScore[] {
    let at = 0;
    return documentTokens.map((count, index) => {
      const own = tokens.subarray(at, at + count);
      at += count;
      const score = { logit: logits[index]!, mass: documents[index]! };
      if (!explain) return { ...score, templateMass: 0, spans: [] };
      return { ...score, ...toTextSpans(this.#scorer.prompts.spans(texts[index]!, index), own) };
    });
  }

  #count({ query, instruction, texts }: CountTask): number {
    const prompt = this.#scorer.prompts.prompt(query, texts, { instruction });
    const { tokens, truncatedTokens } = toUsage(prompt);
    return tokens + truncatedTokens;
  }

  async #continue(text: string, tokens: number): Promise<string> {
    const { vocabulary, endIds } = this.#program.parts.config;
    let ids = this.#tools.tokenizer.encode([{ text, specials: 'parsed' }]);
    const start = ids.length;
    while (ids.length < start + tokens) {
      const logits = await this.#scorer.runner.tokenLogits({
        ids,
        firstPosition: 0,
        places: [ids.length - 1],
      });
      const next = logits
        .subarray(0, vocabulary)
        .reduce((best, value, id) => (value > logits[best]! ? id : best), 0);
      if (endIds.includes(next)) break;
      ids = Int32Array.of(...ids, next);
    }
    return this.#tools.tokenizer.decode([...ids.subarray(start)]);
  }
}

function toUsage({ instruction, documents, query, truncatedQueryTokens }: InContextPrompt): {
  tokens: number;
  truncatedTokens: number;
} {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    tokens: instruction.length + query.length + sum(documents.map(({ ids }) => ids.length)),
    truncatedTokens: truncatedQueryTokens + sum(documents.map(({ truncatedTokens }) => truncatedTokens)),
  };
}
