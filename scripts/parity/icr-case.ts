/** One case of in-context reranking without training: plain causal attention, so the whole context is one block. */
import { icrScores, type SpanAttention, tokenAttention } from '../../engine/readout/icr.ts';
import { DecoderRunner, type Past } from '../../engine/rerank/decoder/decoder-runner.ts';
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
  const runner = new DecoderRunner({ config, weights: weights.table }, reading, model.session);
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
  const counts = icrCase.document_spans.map(([from, to]) => to - from);
  const { calibrated, uncalibrated } = icrCase.expected;
  differences.scores(`${icrCase.name}, calibrated`, icrScores(asked, contentFree, counts), calibrated);
  differences.scores(`${icrCase.name}, uncalibrated`, icrScores(asked, undefined, counts), uncalibrated);
  differences.cases += 1;
}

function documentTokens(attention: SpanAttention, { document_spans: spans }: IcrCase): Float64Array {
  const perSpan = spans.map(([from, to]) => tokenAttention(attention, { from, documentTokens: [to - from] }));
  return Float64Array.from(perSpan.flatMap((values) => [...values]));
}
