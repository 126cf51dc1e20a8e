/** One case of in-context reranking without training: plain causal attention, so the whole context is one block. */
import { icrScores, type SpanAttention, tokenAttention } from '../../engine/readout/icr.ts';
import { DecoderRunner, type Past } from '../../engine/rerank/decoder/decoder-runner.ts';
import { listPolicy } from '../../engine/rerank/decoder/list-path.ts';
import { ListRunner } from '../../engine/rerank/decoder/list-runner.ts';
import type { CaseModel } from './blockrank-case.ts';
import type { IcrCase } from './cases.ts';
import type { Differences } from './compare.ts';

/** Whether a model's tokenizer is the one that the case was made with. */
export function isModelOf({ tools }: CaseModel, { query }: IcrCase): boolean {
  return promptIds(tools, query.prompt).join() === query.ids.join();
}

/** The tokenizers of these fixtures put the opening token before a text. */
function promptIds({ tokenizer }: CaseModel['tools'], prompt: string): number[] {
  return [...tokenizer.encode([{ text: `<s>${prompt}`, specials: 'parsed' }])];
}

/** Runs a case and notes how far it is from what was expected. */
export async function compareIcr(
  model: CaseModel,
  icrCase: IcrCase,
  differences: Differences,
): Promise<void> {
  const { config, weights } = model.folder;
  const reading = { layers: config.layers, lastKeys: false };
  const runner = new DecoderRunner(
    { config, weights: weights.table, computeType: model.computeType },
    reading,
    model.session,
  );
  const [contextEnd] = icrCase.query.query_span;
  const past: Past = { states: runner.states(contextEnd), tokens: contextEnd };
  const context = Int32Array.from(icrCase.query.ids.slice(0, contextEnd));
  await runner.encode([{ ids: context, at: 0 }], { past: { ...past, tokens: 0 }, firstPosition: 0 });
  const attention = async ({
    ids,
    prompt,
    query_span: [from, to],
  }: IcrCase['query']): Promise<Float64Array> => {
    differences.ids(`${icrCase.name}, prompt`, promptIds(model.tools, prompt), ids);
    const span = { ids: Int32Array.from(ids.slice(from, to)), firstPosition: from };
    const layers = await runner.spanAttention(span, past, { from: 0, to: config.layers });
    return documentTokens({ layers, heads: config.heads }, icrCase);
  };
  const [asked, contentFree] = [await attention(icrCase.query), await attention(icrCase.calibration)];
  await runner.release();
  const inOneRun = await attentionInOneRun(model, icrCase);
  for (const [path, own, free] of [
    ['batches', asked, contentFree] as const,
    ['one-run', ...inOneRun] as const,
  ]) {
    const counts = icrCase.document_spans.map(([from, to]) => to - from);
    const { calibrated, uncalibrated } = icrCase.expected;
    const what = `${icrCase.name}, ${path}`;
    differences.scores(`${what}, calibrated`, icrScores(own, free, counts), calibrated);
    differences.scores(`${what}, uncalibrated`, icrScores(own, undefined, counts), uncalibrated);
  }
  differences.cases += 1;
}

/** The same attention, context and both queries in one run. */
async function attentionInOneRun(
  { folder: { config, weights }, session, computeType }: CaseModel,
  icrCase: IcrCase,
): Promise<[asked: Float64Array, contentFree: Float64Array]> {
  const { attention } = listPolicy(session.provider ?? 'cpu', { computeType });
  const runner = new ListRunner({
    parts: { config, weights: weights.table, computeType },
    reading: { kind: 'attention', layers: { from: 0, to: config.layers } },
    form: { context: 'causal', attention, buckets: 0, queries: 2 },
    session,
  });
  const { query, calibration } = icrCase;
  const [contextEnd] = query.query_span;
  const [asked, contentFree] = await runner.spanAttention({
    instruction: Int32Array.from(query.ids.slice(0, contextEnd)),
    documents: [],
    queries: [query, calibration].map(({ ids, query_span: span }) => Int32Array.from(ids.slice(...span))),
    queryPosition: contextEnd,
  });
  await runner.release();
  const tokens = (layers: readonly Float32Array[]): Float64Array =>
    documentTokens({ layers, heads: config.heads }, icrCase);
  return [tokens(asked!), tokens(contentFree!)];
}

function documentTokens(attention: SpanAttention, { document_spans: spans }: IcrCase): Float64Array {
  const perSpan = spans.map(([from, to]) => tokenAttention(attention, { from, documentTokens: [to - from] }));
  return Float64Array.from(perSpan.flatMap((values) => [...values]));
}
