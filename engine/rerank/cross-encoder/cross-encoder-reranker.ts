/** The reranker over a cross-encoder: every document is read together with the query, and nothing is kept. */
import { abortable } from '../../abortable.ts';
import type { Ranking, Reranker, RerankerInfo, RerankOptions, Shortlist } from '../../contract.ts';
import { QueryError } from '../../errors.ts';
import { toRanking } from '../../scores/ranking.ts';
import type { PooledProgram } from '../../session/pool.ts';
import { toBatches } from '../../states/batches.ts';
import type { CrossEncoderAnswers, CrossEncoderTask } from './cross-encoder-program.ts';
import type { Pair } from './pairs.ts';

/** A cross-encoder's program. */
export type CrossEncoderProgram = PooledProgram<
  CrossEncoderTask,
  CrossEncoderAnswers[CrossEncoderTask['kind']]
>;

/** See {@link Reranker}. Made by `openReranker`. */
export class CrossEncoderReranker implements Reranker {
  readonly info: RerankerInfo;
  readonly #program: CrossEncoderProgram;
  readonly #batchTokens: number;
  #closed: Promise<void> | undefined;

  /** @internal Made by `openReranker`. */
  constructor(info: RerankerInfo, program: CrossEncoderProgram, batchTokens: number) {
    this.info = info;
    this.#program = program;
    this.#batchTokens = batchTokens;
  }

  /**
   * Explanations have no spans: a pair has one logit, and no parts.
   *
   * @throws QueryError when the query holds no word that the model reads.
   */
  async rerank({ query, candidates }: Shortlist, { signal, explain }: RerankOptions = {}): Promise<Ranking> {
    if (this.#closed) throw new TypeError('rerank: the reranker is closed.');
    signal?.throwIfAborted();
    const pairs = await this.#tokenise(
      query.text,
      candidates.map(({ text }) => text),
      signal,
    );
    const logits = new Float64Array(pairs.length);
    // Whatever number of workers there is, the same pairs are read together: a quantised network may round each batch by its largest value.
    const batches = toBatches(
      pairs.map(({ ids }) => ids.length),
      { batchTokens: this.#batchTokens, workers: 1 },
    );
    await Promise.all(
      batches.map(async (batch) => {
        const scores = await this.#run({ kind: 'score', pairs: batch.map((index) => pairs[index]!) }, signal);
        batch.forEach((index, b) => {
          logits[index] = scores[b]!;
        });
      }),
    );
    return toRanking(
      Array.from(logits, (logit, index) => ({
        index,
        logit,
        ...(explain && { explanation: { spans: [] } }),
      })),
      {
        tokens: pairs.reduce((sum, { ids }) => sum + ids.length, 0),
        truncatedTokens: pairs.reduce((sum, each) => sum + each.truncatedTokens, 0),
        statesFound: 0,
        statesEncoded: 0,
      },
    );
  }

  close(): Promise<void> {
    this.#closed ??= this.#program.close();
    return this.#closed;
  }

  async #tokenise(
    query: string,
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Pair[]> {
    const pairs = await this.#run({ kind: 'tokenise', query, texts }, signal);
    if (pairs) return pairs;
    throw new QueryError(
      `Cannot rerank for the query ${JSON.stringify(query.slice(0, 80))}: it holds no word that the model reads.`,
    );
  }

  #run<Kind extends CrossEncoderTask['kind']>(
    task: Extract<CrossEncoderTask, { kind: Kind }>,
    signal: AbortSignal | undefined,
  ): Promise<CrossEncoderAnswers[Kind]> {
    const answer = this.#program.run(task, signal ? { signal } : {});
    return abortable(answer as Promise<CrossEncoderAnswers[Kind]>, signal);
  }
}
