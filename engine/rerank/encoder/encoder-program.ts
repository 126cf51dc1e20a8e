/**
 * What each processor worker of an encoder model runs: tokenising, encoding, and the token head's products. Where a
 * device encodes documents, the processor workers encode queries alone, and cut what the device gives.
 */
import { LRUCache } from 'lru-cache';
import { toDocumentBlocks } from '../../blocks/document-blocks.ts';
import { type AskedQuery, type QueryBlock, toQueryBlock } from '../../blocks/query-block.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { toEncoderFeeds } from '../../network/encoder-inputs.ts';
import type { WorkerProgram } from '../../session/messages.ts';
import type { GraphSession } from '../../session/runtime.ts';
import { sharedCopy } from '../../session/shared-floats.ts';
import type { EncodedBlock } from '../../states/encoded-block.ts';
import type { TokenisedDocument } from '../../states/tokenise.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type AnchorSession, openAnchorSession } from './anchor-session.ts';
import { cutStates } from './cut-states.ts';
import type { EncoderProgramData } from './encoder-program-data.ts';
import type { EncoderAnswers, EncoderTask } from './encoder-workers.ts';
import type { LateSession } from './late-session.ts';
import { toQueryGroups } from './query-groups.ts';
import { residualFeeds } from './residual-feeds.ts';
import { type QueryBlockState, type SeenTensors, seenFeeds, seenOutputs, toSeen } from './seen-feeds.ts';
import { type HeldTokenizer, sharedTokenizer } from './shared-tokenizer.ts';
import { type PlacedDocument, placeDocument, toSpanless, toSpans } from './spans.ts';
import { openQueries, openStates } from './state-session.ts';
import { openTokenProducts, type TokenProducts } from './token-products.ts';

/** Opens the program in this thread. */
export async function open(
  data: unknown,
): Promise<WorkerProgram<EncoderTask, EncoderAnswers[EncoderTask['kind']]>> {
  const program = data as EncoderProgramData;
  const held = await sharedTokenizer(program.tokenizerPath, program.modelDigest);
  const session = await openStates(program);
  const guessing = program.guessing && (await openAnchorSession(program.guessing, program));
  const queries = await openQueries(program);
  const products = await openTokenProducts(program.config.width, program.threads);
  return new EncoderProgram(program, {
    held,
    tokenizer: held.tokenizer,
    session,
    queries,
    guessing,
    products,
  });
}

interface Opened {
  readonly held: HeldTokenizer;
  readonly tokenizer: Tokenizer;
  readonly session: GraphSession;
  /** Runs query blocks. @defaultValue `session` does */
  readonly queries: LateSession | undefined;
  /** Guesses anchors; absent where no document is dropped. */
  readonly guessing: AnchorSession | undefined;
  readonly products: TokenProducts;
}

interface RunOptions {
  /** What the blocks see of a query. @defaultValue nothing */
  readonly seen?: SeenTensors | undefined;
  /** Length that all blocks are padded to at least. @defaultValue the longest one's */
  readonly tokens?: number | undefined;
  /** What runs them. @defaultValue the documents' session */
  readonly session?: GraphSession | undefined;
}

/** What a run gave. */
interface EncoderRun {
  /** Vectors of all tokens, padding included, shape `[blocks, longest, width]`. */
  readonly rows: Float32Array;
  readonly longest: number;
  readonly answer: Readonly<Record<string, TensorValue>>;
}

/** Characters of the texts whose words a worker remembers; each takes about ten bytes with them. */
const placedCharacters = 2 ** 19;

class EncoderProgram implements WorkerProgram<EncoderTask, EncoderAnswers[EncoderTask['kind']]> {
  /** Without the tables of weights, which nothing reads once the sessions are open. */
  readonly #program: Omit<EncoderProgramData, 'weights' | 'queries' | 'guessing'>;
  readonly #opened: Opened;
  /** Where the words of explained documents lie, by text: to find them takes three quarters of an explanation. */
  readonly #placed = new LRUCache<string, PlacedDocument>({
    maxSize: placedCharacters,
    sizeCalculation: (_placed, text) => Math.max(1, text.length),
  });

  constructor({ weights: _, queries: __, guessing: ___, ...program }: EncoderProgramData, opened: Opened) {
    this.#program = program;
    this.#opened = opened;
  }

  async run(task: EncoderTask): Promise<EncoderAnswers[EncoderTask['kind']]> {
    switch (task.kind) {
      case 'tokenise':
        return task.texts.map((text) => this.#tokenise(text));
      case 'encode':
        return this.#encode(task.blocks, task.seen);
      case 'guess':
        return this.#guess(task.blocks);
      case 'cut':
        return cutStates(task.part);
      case 'queries':
        return this.#queries(task.queries);
      case 'sums':
        return this.#opened.products.sums(task.query, task.states, task.tau);
      case 'spans':
        return this.#spans(task);
      default:
        throw new TypeError(`run: unknown task ${JSON.stringify(task satisfies never)}.`);
    }
  }

  async close(): Promise<void> {
    await this.#opened.session.release();
    await this.#opened.queries?.release();
    await this.#opened.guessing?.release();
    await this.#opened.products.release();
    this.#opened.held.release();
  }

  #tokenise(text: string): TokenisedDocument {
    const { blocks, truncatedTokens } = toDocumentBlocks(text, this.#opened.tokenizer, this.#program.caps);
    return { blocks, truncatedTokens };
  }

  async #run(
    blocks: readonly Int32Array[],
    { seen, tokens, session = this.#opened.session }: RunOptions = {},
  ): Promise<EncoderRun> {
    const { config, residual, gates } = this.#program;
    const feeds = toEncoderFeeds(blocks, config, this.#opened.tokenizer.padId, tokens);
    const all = { ...feeds, ...residualFeeds(residual), ...seenFeeds(gates, config, seen) };
    const answer = await session.run(all, ['states', ...(seen ? [] : seenOutputs(gates))]);
    return { rows: answer['states']!.data as Float32Array, longest: feeds.ids.shape[1]!, answer };
  }

  async #encode(blocks: readonly Int32Array[], seen: SeenTensors | undefined): Promise<EncodedBlock[]> {
    return this.#split(blocks, await this.#run(blocks, { seen }));
  }

  #guess(blocks: readonly Int32Array[]): Promise<Float32Array[]> {
    const { guessing, tokenizer } = this.#opened;
    if (guessing) return guessing.guess(blocks, tokenizer.padId);
    throw new TypeError('run: the program was opened without a depth that guesses.');
  }

  /** Each block's own vectors. */
  #split(
    blocks: readonly { readonly length: number }[],
    { rows, longest }: { readonly rows: Float32Array; readonly longest: number },
  ): EncodedBlock[] {
    const { width } = this.#program.config;
    return blocks.map(({ length }, b) => {
      const first = b * longest * width;
      const anchor = sharedCopy(rows.subarray(first, first + width));
      if (this.#program.tier === 'anchor') return { anchor };
      return { anchor, tokens: sharedCopy(rows.subarray(first, first + length * width)) };
    });
  }

  /** States of query blocks; those that are padded to the same length are run together. */
  async #queries(queries: readonly AskedQuery[]): Promise<QueryBlockState[]> {
    const { instruction, caps, config, gates } = this.#program;
    const blocks = queries.map((query) => toQueryBlock(query, instruction, this.#opened.tokenizer, caps));
    const session = await this.#opened.queries?.open();
    const states = new Array<QueryBlockState>(queries.length);
    for (const { tokens, indexes } of toQueryGroups(blocks, config.positions, gates)) {
      const group = indexes.map((i) => blocks[i]!);
      const run = await this.#run(
        group.map(({ ids }) => ids),
        { tokens, session },
      );
      group.forEach((block, b) => {
        states[indexes[b]!] = this.#toQueryState(block, run, b);
      });
    }
    return states;
  }

  #toQueryState(
    { ids, own, truncatedTokens }: QueryBlock,
    { rows, longest, answer }: EncoderRun,
    b: number,
  ): QueryBlockState {
    const { config, gates } = this.#program;
    const { width } = config;
    const first = b * longest;
    const seen = toSeen(answer, gates);
    return {
      ...(seen && { seen }),
      width,
      anchor: rows.slice(first * width, (first + 1) * width),
      tokens: rows.slice((first + own.start) * width, (first + own.end) * width),
      blockTokens: ids.length,
      truncatedTokens,
    };
  }

  async #spans({
    query,
    states,
    texts,
    tau,
    totals,
  }: Extract<EncoderTask, { kind: 'spans' }>): Promise<EncoderAnswers['spans']> {
    const masses = await this.#opened.products.masses(query, states, { tau, totals });
    return states.map((state, n) => {
      const placed = this.#place(texts[n]!);
      const isWhole = placed.blockTokens.every((length, block) => length === state.blockTokens[block]);
      return isWhole ? toSpans(placed, masses[n]!) : toSpanless(masses[n]!);
    });
  }

  #place(text: string): PlacedDocument {
    const known = this.#placed.get(text);
    if (known) return known;
    const { tokenizer } = this.#opened;
    const blocks = toDocumentBlocks(text, tokenizer, this.#program.caps);
    const placed = placeDocument(text, blocks, (id) => tokenizer.spell(id));
    this.#placed.set(text, placed);
    return placed;
  }
}
