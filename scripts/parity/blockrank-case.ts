/** One case of BlockRank's readout, computed as users compute it. */
import type { openDecoderFolder } from '../../engine/model/decoder-folder.ts';
import type { PromptTools } from '../../engine/model/prompt-tools.ts';
import { auxiliaryLoss, nextTokenLoss } from '../../engine/readout/losses.ts';
import { DecoderRunner } from '../../engine/rerank/decoder/decoder-runner.ts';
import { type EncodedRequest, InContextScorer } from '../../engine/rerank/decoder/in-context-scorer.ts';
import type { SessionOptions } from '../../engine/session/runtime.ts';
import { type BlockRankCase, type ExpectedBySignals, textsOf } from './cases.ts';
import type { Differences } from './compare.ts';

/** A model that cases are run on. */
export interface CaseModel {
  readonly folder: Awaited<ReturnType<typeof openDecoderFolder>>;
  readonly tools: PromptTools;
  readonly session: SessionOptions;
  readonly computeType: 'float32' | 'float16';
}

/** Runs a case and notes how far it is from what was expected. */
export async function compareBlockRank(
  model: CaseModel,
  parityCase: BlockRankCase,
  differences: Differences,
): Promise<void> {
  const { folder, tools, session, computeType } = model;
  const what = `${folder.manifest.name}/${parityCase.name}`;
  const isTraining = parityCase.kind === 'training';
  const expected = isTraining
    ? { [parityCase.query_offset]: parityCase.expected as ExpectedBySignals }
    : (parityCase.expected as Readonly<Record<string, ExpectedBySignals>>);
  const scorer = new InContextScorer(
    {
      parts: { config: folder.config, weights: folder.weights.table, computeType },
      scoring: {
        method: 'signal-tokens',
        layer: parityCase.scoring_layer,
        signalTokens: 2,
        queryPosition: parityCase.query_offset,
      },
      caps: { maxDocumentTokens: parityCase.max_block_length, maxQueryTokens: 1, truncation: 'block' },
      batchTokens: 1024,
      session,
    },
    tools,
  );
  try {
    const answer = parityCase.answers && `[${parityCase.answers.join(', ')}]${scorer.prompts.closing}`;
    const prompt = scorer.prompts.prompt(parityCase.input.query, textsOf(parityCase), { answer });
    for (const path of ['one-run', 'batches'] as const) {
      const request = (await scorer.encode(prompt, { path }))!;
      const run = `${what}, ${path}`;
      compareBlocks(run, request, parityCase, differences);
      for (const [offset, scores] of Object.entries(expected)) {
        const at = { ...request, queryPosition: Number(offset) };
        differences.scores(`${run} at ${offset}`, (await scorer.score(at)).documents, scores.two_signals);
        const one = await scorer.score(at, 1);
        differences.scores(`${run} at ${offset}, one signal`, one.documents, scores.one_signal);
      }
      await compareLogits(run, scorer, request, { parityCase, differences });
      if (isTraining) {
        const { documents } = await scorer.score(request);
        await compareLosses(run, model, request, { parityCase, differences, documents });
      }
    }
  } finally {
    await scorer.release();
  }
  differences.cases += 1;
}

function compareBlocks(
  what: string,
  { prompt, queryPosition }: EncodedRequest,
  parityCase: BlockRankCase,
  differences: Differences,
): void {
  const { instruction, documents, query, signals } = prompt;
  const blocks = [instruction, ...documents.map(({ ids }) => ids), query];
  blocks.forEach((ids, m) => {
    const first = m === 0 ? 0 : m === blocks.length - 1 ? queryPosition : instruction.length;
    const expected = parityCase.blocks[m]!;
    differences.ids(`${what}, block ${m}`, ids, expected.ids);
    const positions = Array.from(ids, (_, j) => first + j);
    differences.ids(`${what}, positions of block ${m}`, positions, expected.positions);
  });
  differences.ids(`${what}, blocks`, [blocks.length], [parityCase.blocks.length]);
  differences.ids(`${what}, signal tokens`, signals, parityCase.signal.positions);
}

async function compareLogits(
  what: string,
  scorer: InContextScorer,
  request: EncodedRequest,
  { parityCase, differences }: { readonly parityCase: BlockRankCase; readonly differences: Differences },
): Promise<void> {
  const expected = parityCase.signal_logits;
  if (!expected) return;
  const logits = await scorer.signalLogits({ ...request, queryPosition: expected.query_offset }, 2);
  const [first, second] = expected.values;
  differences.logits(
    what,
    logits,
    first!.flatMap((row, head) => [...row, ...second![head]!]),
  );
}

interface ExpectedLosses {
  readonly auxiliary_loss: number;
  readonly ntp_loss: number;
  readonly total_loss: number;
}

/** The losses of training, computed forward: the query block's next tokens over every layer's states. */
async function compareLosses(
  what: string,
  { folder, session, computeType }: CaseModel,
  { prompt, queryPosition }: EncodedRequest,
  {
    parityCase,
    differences,
    documents,
  }: {
    readonly parityCase: BlockRankCase;
    readonly differences: Differences;
    readonly documents: Float64Array;
  },
): Promise<void> {
  const { config, weights } = folder;
  const { completion, answers, tau, lambda, expected } = parityCase;
  const { auxiliary_loss, ntp_loss, total_loss } = expected as ExpectedLosses;
  const reading = { layers: config.layers, lastKeys: false };
  const runner = new DecoderRunner({ config, weights: weights.table, computeType }, reading, session);
  const from = prompt.instruction.length;
  const total = prompt.documents.reduce((sum, { ids }) => sum + ids.length, from);
  const past = { states: runner.states(total), tokens: total };
  await runner.encode([{ ids: prompt.instruction, at: 0 }], {
    past: { ...past, tokens: 0 },
    firstPosition: 0,
  });
  let at = from;
  for (const { ids } of prompt.documents) {
    await runner.encode([{ ids, at }], { past: { ...past, tokens: from }, firstPosition: from });
    at += ids.length;
  }
  const { start, ids } = completion!;
  const places = ids.map((_, i) => start + i - 1);
  const logits = await runner.tokenLogits({ ids: prompt.query, firstPosition: queryPosition, places }, past);
  await runner.release();
  const next = nextTokenLoss(logits, ids);
  const auxiliary = auxiliaryLoss(documents, answers!, tau!);
  differences.loss(`${what}, next-token loss`, next, ntp_loss);
  differences.loss(`${what}, auxiliary loss`, auxiliary, auxiliary_loss);
  differences.loss(`${what}, total loss`, next + lambda! * auxiliary, total_loss);
}
