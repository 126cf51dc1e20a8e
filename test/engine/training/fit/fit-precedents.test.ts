import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySteps } from '../../../../engine/compose/stepped.ts';
import { type EncoderReranker, openEncoderReranker } from '../../../../engine/index.ts';
import {
  crossValidateFit,
  defaultFitSettings,
  type FitList,
  type FitOptions,
  fitReadout,
  parseMeasure,
  toFitLists,
} from '../../../../engine/laboratory.ts';
import { defaultScoreSteps } from '../../../../engine/scores/fusion.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const nDCG = parseMeasure('nDCG@10');
const topics = ['bread', 'tides', 'brakes', 'taxes', 'violins', 'frost', 'bees', 'maps', 'glass', 'rivers'];
const ways = ['the town council', 'a retired teacher', 'my old neighbour', 'the harbour office'];

/** Each topic is asked about twice, and has one document, by somebody whom no model could know to be the right one. */
function listsOf(askedTwice: boolean): FitList[] {
  const documents = topics.flatMap((topic, t) =>
    ways.map(
      (who, w) => [`d${t}-${w}`, { docId: `d${t}-${w}`, title: '', text: `${who} on ${topic}` }] as const,
    ),
  );
  const asked = topics.flatMap((topic, t) => [
    { queryId: `q${t}-a`, text: `what to know about ${topic}`, right: `d${t}-${(7 * t) % 4}` },
    {
      queryId: `q${t}-b`,
      text: `all to know about ${topic}`,
      right: `d${t}-${(7 * t + (askedTwice ? 0 : 1)) % 4}`,
    },
  ]);
  const qrels = new Map(asked.map(({ queryId, right }) => [queryId, new Map([[right, 1]])]));
  const collection = {
    name: 'topics',
    documents: new Map(documents),
    queries: new Map(asked.map(({ queryId, text }) => [queryId, text])),
    qrels,
    idealQrels: new Map(),
  };
  const candidates = new Map(
    asked.map(({ queryId }) => {
      const topic = queryId.slice(1, -2);
      return [queryId, ways.map((_, w) => ({ docId: `d${topic}-${w}`, score: ways.length - w }))];
    }),
  );
  return toFitLists({ collection, candidates, firstStage: 'lexical' });
}

let reranker: EncoderReranker;
beforeAll(async () => {
  reranker = await openEncoderReranker({ model: await tinyModel(), workers: 1, warmUp: false });
});
afterAll(() => reranker.close());

const optionsFor = (lists: readonly FitList[]): FitOptions => ({
  reranker,
  lists,
  // What is learnt besides is not what is tested here.
  settings: { ...defaultFitSettings, epochs: 0 },
  seed: 1,
  workers: 1,
});

describe('a fit', () => {
  it('makes judged queries precedents where that helps queries like them', async () => {
    const { gain, start, fitted } = await crossValidateFit({
      ...optionsFor(listsOf(true)),
      folds: 5,
      measure: nDCG,
    });
    expect(gain.low).toBeGreaterThan(0);
    expect(fitted).toBeGreaterThan(start + 0.1);
  });

  it('has none where it does not', async () => {
    const fitted = await fitReadout(optionsFor(listsOf(false)));
    expect(fitted.choice.precedents).toBeUndefined();
    await fitted.close();
  });

  it('has none where none are wanted', async () => {
    const options = optionsFor(listsOf(true));
    const fitted = await fitReadout({ ...options, settings: { ...options.settings, precedents: false } });
    expect(fitted.choice.precedents).toBeUndefined();
    await fitted.close();
  });

  it('writes a model that serves what it measured', async () => {
    const lists = listsOf(true);
    const fitted = await fitReadout(optionsFor(lists));
    const folder = join(mkdtempSync(join(tmpdir(), 'blockrank-fitted-')), 'model');
    await fitted.save(folder);
    const served = await openEncoderReranker({ model: folder, workers: 1, warmUp: false });
    try {
      const { shortlist, ideal, gains } = lists[3]!;
      const ranking = await served.rerank(shortlist);
      const { candidates } = await applySteps(ranking, shortlist, { steps: defaultScoreSteps(served.info) });
      const value = nDCG.value(
        candidates.map(({ index }) => gains[index]!),
        ideal,
      );
      expect(value).toBe(await fitted.measure(lists[3]!, nDCG));
      expect(value).toBe(1);
      await expect(fitReadout({ ...optionsFor(lists), reranker: served })).rejects.toThrow(/has .* already/);
    } finally {
      await served.close();
      await fitted.close();
    }
  });
});
