/** From one query's words and documents to scores: blocks, states, what the query block reads of them. */
import {
  type InContextPrompt,
  InContextPrompts,
  type PromptCaps,
  toChatFrame,
} from '../../blocks/in-context-prompt.ts';
import { blockRankTemplate, contentFreeQuery, icrTemplate } from '../../blocks/prompt-templates.ts';
import type { IcrScoring, SignalScoring } from '../../model/decoder-manifest.ts';
import type { PromptTools } from '../../model/prompt-tools.ts';
import { assertReach } from '../../network/assert-reach.ts';
import type { PackedForm } from '../../network/packed/packed-form.ts';
import type { PackedList } from '../../network/packed/packed-layout.ts';
import { attentionMasses, sumByDocument } from '../../readout/attention-mass.ts';
import { type DocumentRange, icrScores, type SpanAttention, tokenAttention } from '../../readout/icr.ts';
import type { SessionOptions } from '../../session/runtime.ts';
import { toBatches } from '../../states/batches.ts';
import { type DecoderParts, DecoderRunner, type Past } from './decoder-runner.ts';
import type { HeadScores } from './decoder-tasks.ts';
import { type ListNeeds, listNeeds } from './list-memory.ts';
import { type ListPath, type ListPolicy, listPolicy } from './list-path.ts';
import { type ListReading, ListRunner } from './list-runner.ts';

/** What a scorer is made of. */
export interface ScorerOptions {
  /** Network and weights. */
  readonly parts: DecoderParts;
  /** How scores are read. */
  readonly scoring: SignalScoring | IcrScoring;
  /** Token budgets. */
  readonly caps: PromptCaps;
  /** Tokens of one batch. */
  readonly batchTokens: number;
  /** How graphs run. */
  readonly session: SessionOptions;
  /** What the device does best. @defaultValue {@link listPolicy} of the session's provider */
  readonly policy?: ListPolicy;
}

/** A request that can be scored. */
export interface EncodedRequest {
  /** Its blocks. */
  readonly prompt: InContextPrompt;
  /** What instruction and documents left behind; absent where scoring takes the whole list in one run. */
  readonly past?: Past;
  /** Position of the query block's first token. */
  readonly queryPosition: number;
  /** Where the documents stand among the tokens that the query block sees. */
  readonly documents: DocumentRange;
}

/** How a request is encoded. */
export interface EncodeOptions {
  /** How the list is run. @defaultValue `'batches'` */
  readonly path?: ListPath;
  /** Asked before each run; a run itself goes to its end. @defaultValue never */
  readonly isCancelled?: () => boolean;
}

/** Scores of a request's documents. */
export interface ScoredRequest {
  /** What the order is made of, shape `[N]`. */
  readonly logits: Float64Array;
  /** Share of the attention of each document, shape `[N]`; sums to 1. */
  readonly documents: Float64Array;
  /** The same of each document token; sums to each document's. */
  readonly tokens: Float64Array;
}

/** See the file's header. */
export class InContextScorer {
  readonly #options: ScorerOptions;
  /** Prompts of this model. */
  readonly prompts: InContextPrompts;
  /** Graphs of this model that run batches. */
  readonly runner: DecoderRunner;
  /** The graph of this model that runs whole lists. */
  readonly listRunner: ListRunner;
  /** What the device does best. */
  readonly policy: ListPolicy;
  readonly #reading: ListReading;

  constructor(options: ScorerOptions, { tokenizer, chat }: PromptTools) {
    const { scoring, caps, parts, session } = options;
    const frame = toChatFrame(chat);
    const isTrained = scoring.method === 'signal-tokens';
    const template = isTrained ? blockRankTemplate(frame) : icrTemplate(frame);
    const reading = isTrained
      ? { layers: scoring.layer, lastKeys: true }
      : { layers: scoring.layers.to, lastKeys: false };
    this.#options = options;
    this.prompts = new InContextPrompts(tokenizer, template, caps);
    this.runner = new DecoderRunner(parts, reading, session);
    this.#reading = isTrained
      ? { kind: 'signals', layer: scoring.layer }
      : { kind: 'attention', layers: scoring.layers };
    const policy = options.policy ?? listPolicy(session.provider ?? 'cpu', parts);
    this.policy = policy;
    this.listRunner = new ListRunner({
      parts,
      reading: this.#reading,
      form: toForm(scoring, policy),
      session,
    });
  }

  /** What a prompt takes of the memories, by path. */
  needs(prompt: InContextPrompt): ListNeeds {
    const { parts, session, batchTokens } = this.#options;
    return listNeeds(prompt, this.#queries(prompt), {
      parts,
      session,
      shape: this.runner.shape,
      batchTokens,
      reading: this.#reading,
      form: this.listRunner.form,
    });
  }

  /**
   * Makes a prompt ready to be scored: in batches, its blocks become states now.
   *
   * @returns undefined once it was cancelled.
   * @throws ModelFormatError when the network's attention does not reach back over the whole list.
   */
  async encode(
    prompt: InContextPrompt,
    { path = 'batches', isCancelled = () => false }: EncodeOptions = {},
  ): Promise<EncodedRequest | undefined> {
    const documentTokens = prompt.documents.map(({ ids }) => ids.length);
    const from = prompt.instruction.length;
    const total = documentTokens.reduce((sum, count) => sum + count, from);
    const { scoring, parts, session } = this.#options;
    if (scoring.method === 'icr') {
      assertReach(parts.config, scoring.layers.to, total + prompt.query.length, session.folder);
    }
    const queryPosition = this.#queryPosition(total, from + Math.max(0, ...documentTokens));
    const request = { prompt, queryPosition, documents: { from, documentTokens } };
    if (isCancelled()) return undefined;
    await this.#letGo(path === 'one-run' ? this.runner : this.listRunner);
    if (path === 'one-run') return request;
    const past = await this.#encodeBlocks(prompt, total, isCancelled);
    return past && { ...request, past };
  }

  /**
   * Scores of an encoded request.
   *
   * @param signalTokens - Of a model that was trained to rank. @defaultValue the model's
   */
  async score(request: EncodedRequest, signalTokens?: 1 | 2): Promise<ScoredRequest> {
    const { scoring } = this.#options;
    if (scoring.method === 'icr') return this.#icr(request, scoring);
    return this.#signals(request, signalTokens ?? scoring.signalTokens);
  }

  /** Calibrated scores by head. @throws TypeError when the model was trained to rank. */
  async headScores(request: EncodedRequest): Promise<HeadScores> {
    const { scoring, parts } = this.#options;
    if (scoring.method !== 'icr') {
      throw new TypeError(
        'headScores: expected a model that is read without training, got one that was trained to rank.',
      );
    }
    const { asked, contentFree } = await this.#spans(request, scoring);
    const { heads } = parts.config;
    const { documentTokens } = request.documents;
    const layers = scoring.layers.to - scoring.layers.from;
    const scores = new Float64Array(layers * heads * documentTokens.length);
    for (let at = 0; at < layers * heads; at += 1) {
      const isHead = (layer: number, head: number): boolean => layer * heads + head === at;
      const own = tokenAttention(asked, request.documents, isHead);
      const free = contentFree && tokenAttention(contentFree, request.documents, isHead);
      scores.set(icrScores(own, free, documentTokens), at * documentTokens.length);
    }
    return { scores, shape: [layers, heads, documentTokens.length] };
  }

  /** Logits of signal tokens over document tokens, row-major, shape `[heads, signals, document tokens]`. */
  signalLogits(request: EncodedRequest, signalTokens: 1 | 2): Promise<Float32Array> {
    const { prompt, past, queryPosition, documents } = request;
    const signals = prompt.signals.slice(-signalTokens);
    if (!past) return this.listRunner.signalLogits(this.#list(request), signals);
    const query = { ids: prompt.query, signals, firstPosition: queryPosition };
    return this.runner.signalLogits(query, past, { from: documents.from, to: past.tokens });
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    await this.runner.release();
    await this.listRunner.release();
  }

  /** A card has no room for the weights of both paths; a processor maps the same pages for both. */
  async #letGo(other: { release(): Promise<void> }): Promise<void> {
    const { provider = 'cpu' } = this.#options.session;
    if (provider !== 'cpu') await other.release();
  }

  async #encodeBlocks(
    prompt: InContextPrompt,
    total: number,
    isCancelled: () => boolean,
  ): Promise<Past | undefined> {
    const past: Past = { states: this.runner.states(total), tokens: total };
    await this.runner.encode([{ ids: prompt.instruction, at: 0 }], {
      past: { ...past, tokens: 0 },
      firstPosition: 0,
    });
    for (const run of this.#runs(prompt)) {
      if (isCancelled()) return undefined;
      await this.runner.encode(run.sequences, {
        past: { ...past, tokens: run.pastTokens },
        firstPosition: run.pastTokens,
      });
    }
    return past;
  }

  /** The query blocks that a prompt's score needs: the query's, and where scores are calibrated one without content. */
  #queries({ query, ownInstruction: instruction }: InContextPrompt): Int32Array[] {
    const { scoring } = this.#options;
    const isCalibrated = scoring.method === 'icr' && scoring.calibration;
    return isCalibrated ? [query, this.prompts.question(contentFreeQuery, { instruction }).query] : [query];
  }

  #list({ prompt, queryPosition }: EncodedRequest): PackedList {
    return {
      instruction: prompt.instruction,
      documents: prompt.documents.map(({ ids }) => ids),
      queries: this.#queries(prompt),
      queryPosition,
    };
  }

  /** Which documents are encoded together, and how much each sees; a document's first position is what it sees. */
  #runs({ instruction, documents }: InContextPrompt): Run[] {
    const { scoring, batchTokens } = this.#options;
    let at = instruction.length;
    const sequences = documents.map(({ ids }) => {
      const sequence = { ids, at };
      at += ids.length;
      return sequence;
    });
    if (scoring.method === 'icr' && scoring.context === 'causal') {
      return sequences.map((sequence) => ({ sequences: [sequence], pastTokens: sequence.at }));
    }
    const lengths = documents.map(({ ids }) => ids.length);
    return toBatches(lengths, { batchTokens, workers: 1 }).map((batch) => ({
      sequences: batch.map((index) => sequences[index]!),
      pastTokens: instruction.length,
    }));
  }

  #queryPosition(total: number, afterLongest: number): number {
    const { scoring } = this.#options;
    if (scoring.method === 'signal-tokens') return scoring.queryPosition;
    return scoring.context === 'causal' ? total : afterLongest;
  }

  async #signals(request: EncodedRequest, signalTokens: 1 | 2): Promise<ScoredRequest> {
    const masses = attentionMasses({
      logits: await this.signalLogits(request, signalTokens),
      heads: this.#options.parts.config.heads,
      signals: signalTokens,
      documentTokens: request.documents.documentTokens,
    });
    return { logits: masses.documents.map((mass) => Math.log(Math.max(mass, Number.MIN_VALUE))), ...masses };
  }

  async #icr(request: EncodedRequest, scoring: IcrScoring): Promise<ScoredRequest> {
    const { asked, contentFree } = await this.#spans(request, scoring);
    const chosen = scoring.heads && new Set(scoring.heads.map(([layer, head]) => `${layer}-${head}`));
    const counts = (layer: number, head: number): boolean =>
      chosen?.has(`${layer + scoring.layers.from}-${head}`) ?? true;
    const { documentTokens } = request.documents;
    const own = tokenAttention(asked, request.documents, counts);
    const free = contentFree && tokenAttention(contentFree, request.documents, counts);
    const total = own.reduce((sum, value) => sum + value, 0);
    const tokens = own.map((value) => value / total);
    return {
      logits: icrScores(own, free, documentTokens),
      documents: sumByDocument(tokens, documentTokens),
      tokens,
    };
  }

  async #spans(
    request: EncodedRequest,
    { layers }: IcrScoring,
  ): Promise<{ asked: SpanAttention; contentFree: SpanAttention | undefined }> {
    const { prompt, past, queryPosition: firstPosition } = request;
    const { heads } = this.#options.parts.config;
    const read = past
      ? await inTurn(this.#queries(prompt), (ids) =>
          this.runner.spanAttention({ ids, firstPosition }, past, layers),
        )
      : await this.listRunner.spanAttention(this.#list(request));
    const [asked, contentFree] = read.map((all) => ({ layers: all, heads }));
    return { asked: asked!, contentFree };
  }
}

async function inTurn<Item, Result>(
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

/** The shape of the graph that runs a model's lists whole. */
function toForm(scoring: SignalScoring | IcrScoring, { attention, buckets }: ListPolicy): PackedForm {
  if (scoring.method === 'signal-tokens') return { context: 'blocks', attention, buckets, queries: 1 };
  return { context: scoring.context, attention, buckets, queries: scoring.calibration ? 2 : 1 };
}

interface Run {
  readonly sequences: readonly { readonly ids: Int32Array; readonly at: number }[];
  /** Tokens that every sequence sees. */
  readonly pastTokens: number;
}
