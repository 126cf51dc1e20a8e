import { describe, expect, it } from 'vitest';
import {
  changedParameters,
  defaultSearchSpace,
  drawSettings,
  fitCalibration,
  type JudgedList,
  measureList,
  parseMeasure,
  type Setting,
  seededRandom,
  tune,
} from '../../../engine/laboratory.ts';
import { tokenLogSums } from '../../../engine/readout/token-head.ts';
import { randomNumbers, tinyQuery, tinyReadout, tinyState } from '../../support/tiny/tiny-states.ts';

const width = 8;
const start: Setting = { ...tinyReadout, tokenWeight: 0, fusionWeight: 0 };
const nDCG = parseMeasure('nDCG@10');

/** A list of random states; the relevant document is found by `finder`, a position in it. */
function judgedList(
  seed: number,
  set: string,
  relevant: (list: Omit<JudgedList, 'gains'>) => number,
): JudgedList {
  const next = randomNumbers(seed);
  const query = tinyQuery(3, width, next);
  const states = Array.from({ length: 8 }, () => tinyState([4], width, next));
  const scores = states.map(() => next());
  const list = {
    set,
    shortlist: {
      query: { text: 'q' },
      firstStage: 'lexical' as const,
      candidates: states.map((_, i) => ({
        docId: String(i),
        text: '',
        segments: [],
        firstStageScore: scores[i]!,
      })),
    },
    ideal: [1],
    query,
    states: states.map(({ tokens: _, ...state }) => state),
    logSums: new Map([0.02, 0.05].map((tau) => [tau, tokenLogSums(query, states, tau)])),
    cosines: states.map(() => next()),
  };
  const position = relevant(list);
  return { ...list, gains: states.map((_, i) => (i === position ? 1 : 0)) };
}

const byFirstStage = ({ shortlist }: Omit<JudgedList, 'gains'>): number => {
  const scores = shortlist.candidates.map(({ firstStageScore }) => firstStageScore!);
  return scores.indexOf(Math.max(...scores));
};
const space = { tokenWeight: [0, 1], tokenTau: [0.02, 0.05], fusionWeight: [0, 0.5, 0.9] };
const settings = drawSettings(start, space, { trials: 30, seed: 1 });
const lists = (
  relevant: (list: Omit<JudgedList, 'gains'>) => number,
  sets: readonly string[] = ['a', 'b'],
  count = 40,
): JudgedList[] =>
  sets.flatMap((set, s) =>
    Array.from({ length: count }, (_, i) => judgedList(1 + i + 1000 * s, set, relevant)),
  );

describe('drawSettings', () => {
  it('starts with the start, changes each parameter alone, and draws no setting twice', () => {
    const drawn = drawSettings(start, defaultSearchSpace, { trials: 100, seed: 3 });
    expect(drawn[0]).toEqual(start);
    expect(drawn).toHaveLength(100);
    expect(new Set(drawn.map((setting) => JSON.stringify(Object.entries(setting).sort()))).size).toBe(100);
    for (const [name, values] of Object.entries(defaultSearchSpace)) {
      for (const value of values) expect(drawn).toContainEqual({ ...start, [name]: value });
    }
  });

  it('draws the same for one seed, other settings for another, and no more than there are', () => {
    const draw = (seed: number): Setting[] => drawSettings(start, defaultSearchSpace, { trials: 60, seed });
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    // 2 x 2 x 3 values, and the start's own tokenTau is one of them.
    expect(drawSettings(start, space, { trials: 500, seed: 1 })).toHaveLength(12);
  });
});

describe('tune', () => {
  it('finds the parameter that decides and changes nothing else', async () => {
    const { chosen, start: before, crossValidated } = await tune({ lists: lists(byFirstStage), settings });
    expect(chosen.mean).toBeGreaterThan(before.mean + 0.2);
    expect(chosen.setting.fusionWeight).toBe(0.9);
    expect(changedParameters(start, chosen.setting).sort()).toEqual(['calibration', 'fusionWeight']);
    expect(crossValidated.chosen).toBeGreaterThan(crossValidated.start + 0.2);
    expect(crossValidated.p).toBeLessThan(0.001);
  });

  it('keeps the start where relevance has nothing to do with any parameter', async () => {
    const random = seededRandom(5);
    let [kept, beaten] = [0, 0]; // by chance some setting is better on the very lists that it is tried on
    for (let draw = 0; draw < 10; draw += 1) {
      const noise = lists(() => Math.floor(random() * 8), ['a'], 20);
      const { best, start: before, chosen } = await tune({ lists: noise, settings });
      if (best.mean > before.mean) beaten += 1;
      if (changedParameters(start, chosen.setting).join() === 'calibration') kept += 1;
    }
    expect(beaten).toBeGreaterThanOrEqual(6);
    expect(kept).toBeGreaterThanOrEqual(8);
  });

  it('promises no gain on lists that the choice did not see', async () => {
    const random = seededRandom(6);
    const noise = lists(() => Math.floor(random() * 8), ['a'], 20);
    const { best, crossValidated } = await tune({ lists: noise, settings });
    expect(crossValidated.chosen).toBeLessThan(best.mean);
    expect(crossValidated.p).toBeGreaterThan(0.05);
  });

  it('counts every collection the same, however many lists it has', async () => {
    const many = lists(byFirstStage, ['many'], 60);
    const few = lists(byFirstStage, ['few'], 10);
    const { start: before } = await tune({ lists: [...many, ...few], settings: [start] });
    const mean = async (of: readonly JudgedList[]): Promise<number> => {
      const values = await Promise.all(of.map((list) => measureList(list, start, nDCG)));
      return values.reduce((sum, value) => sum + value, 0) / of.length;
    };
    const [ofMany, ofFew] = [await mean(many), await mean(few)];
    expect(before.mean).toBeCloseTo((ofMany + ofFew) / 2, 12);
    expect(before.bySet).toEqual({ many: ofMany, few: ofFew });
  });

  it('refuses too few lists, too few folds and no settings', async () => {
    const two = lists(byFirstStage, ['a'], 2);
    await expect(tune({ lists: two, settings })).rejects.toThrow(RangeError);
    await expect(tune({ lists: two, settings, folds: 1 })).rejects.toThrow(RangeError);
    await expect(tune({ lists: two, settings: [], folds: 2 })).rejects.toThrow(RangeError);
  });

  it('ends when it is aborted', async () => {
    const controller = new AbortController();
    const search = tune({
      lists: lists(byFirstStage),
      settings,
      onProgress: (done) => done === 2 && controller.abort(new Error('enough')),
      signal: controller.signal,
    });
    await expect(search).rejects.toThrow('enough');
  });
});

describe('fitCalibration', () => {
  it('finds the curve that samples were drawn from', () => {
    const random = seededRandom(2);
    const samples = Array.from({ length: 20_000 }, () => {
      const cosine = random();
      return { cosine, isRelevant: random() < 1 / (1 + Math.exp(-(12 * cosine - 6))) };
    });
    const { slope, intercept } = fitCalibration(samples);
    expect(slope).toBeGreaterThan(11.5);
    expect(slope).toBeLessThan(12.5);
    expect(-intercept / slope).toBeCloseTo(0.5, 1);
  });

  it('gives both classes the same weight', () => {
    const sample = (
      cosine: number,
      isRelevant: boolean,
      times: number,
    ): { cosine: number; isRelevant: boolean }[] =>
      Array.from({ length: times }, (_, i) => ({ cosine: cosine + (i % 5) / 10, isRelevant }));
    const even = fitCalibration([...sample(0.4, true, 50), ...sample(0.2, false, 50)]);
    const rare = fitCalibration([...sample(0.4, true, 50), ...sample(0.2, false, 5000)]);
    expect(rare.slope).toBeCloseTo(even.slope, 6);
    expect(rare.intercept).toBeCloseTo(even.intercept, 6);
  });

  it('stays finite where one cosine parts the classes', () => {
    const { slope, intercept } = fitCalibration([
      { cosine: 0.2, isRelevant: false },
      { cosine: 0.8, isRelevant: true },
    ]);
    expect(Number.isFinite(slope) && Number.isFinite(intercept)).toBe(true);
    expect(-intercept / slope).toBeCloseTo(0.5, 1);
  });

  it('refuses samples of one class', () => {
    expect(() => fitCalibration([{ cosine: 0.1, isRelevant: true }])).toThrow(RangeError);
  });
});
