import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildStates, type StateMaker, stateSizes, surveyStates } from '../../../../adapters/server.ts';
import { vectorMapping, vectorOf } from '../../../../adapters/states/place/vector.ts';
import { type StatesDouble, startStatesDouble } from '../../../support/doubles/states-double.ts';
import { buildOver, quickMaker } from '../../../support/doubles/states-fixture.ts';

const stateOf = (width: number, ...anchors: number[]) => ({
  width,
  blockTokens: new Array<number>(anchors.length / width).fill(1),
  anchors: new Float32Array(anchors),
  truncatedTokens: 0,
});
const lengthOf = (vector: readonly number[]): number =>
  Math.sqrt(vector.reduce((sum, value) => sum + Math.fround(value) ** 2, 0));

describe('vectorOf', () => {
  it('is the anchor of one block to the last bit, in as few digits as that takes', () => {
    const angles = Array.from({ length: 100 }, (_, i) => i);
    for (const angle of angles) {
      const state = stateOf(2, Math.cos(angle), Math.sin(angle));
      const vector = vectorOf(state)!;
      expect(new Float32Array(vector)).toEqual(state.anchors);
      expect(JSON.stringify(vector).length).toBeLessThanOrEqual(2 * 15 + 3);
    }
  });

  it('is mended where rounding took it away from length 1', () => {
    expect(lengthOf(vectorOf(stateOf(2, 0.6005, 0.8005))!)).toBeCloseTo(1, 6);
  });

  it('is the mean direction of several blocks', () => {
    const vector = vectorOf(stateOf(2, 1, 0, 0, 1))!;
    expect(vector[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(lengthOf(vector)).toBeCloseTo(1, 6);
  });

  it('is none where there is no direction', () => {
    expect(vectorOf(stateOf(2, 1, 0, -1, 0))).toBeUndefined();
    expect(vectorOf(stateOf(2, 0, 0))).toBeUndefined();
    expect(vectorOf(stateOf(2, Number.NaN, 0))).toBeUndefined();
  });
});

describe('vectorMapping', () => {
  it('says dot product to either server, and never leaves the engine to OpenSearch', () => {
    expect(vectorMapping('elasticsearch', 384)).toMatchObject({ dims: 384, similarity: 'dot_product' });
    expect(vectorMapping('opensearch', 384)).toMatchObject({
      dimension: 384,
      method: { engine: 'lucene', space_type: 'innerproduct' },
    });
  });
});

describe('states in the documents, as vectors', () => {
  let double: StatesDouble;
  beforeEach(async () => {
    double = await startStatesDouble();
    double.make('docs', { 'index.knn': 'true' });
    double.write('docs', 'one', { title: 'one', body: 'block' });
    double.write('docs', 'two', { title: 'two', body: 'blocks' });
    double.write('docs', 'zero', { title: 'no', body: 'direction' });
  });
  afterEach(() => double.close());

  const place = { kind: 'field', vector: true } as const;
  const bare = { kind: 'field' } as const;
  const stateFor = (text: string, blocks: boolean) =>
    text === 'no direction'
      ? stateOf(2, 0, 0)
      : blocks && text.startsWith('two')
        ? stateOf(2, 1, 0, 0, 1)
        : stateOf(2, 1, 0);
  const maker = ({ blocks = true, name = 'anchor-fp16' } = {}): StateMaker => ({
    ...quickMaker(),
    form: { name, encode: () => new Uint8Array([1, 2, 3]) },
    encode: async (texts) => texts.map((text) => stateFor(text, blocks)),
  });
  const stored = (id: string) => double.documents('docs').get(id)!.source.blockrank_state;

  it('keep the vector alone for one block, and the state beside it for several, or for none that has a direction', async () => {
    await buildStates(buildOver(double, { place, maker: maker() }));
    expect(stored('one')).toMatchObject({ state: null, vector: [1, 0] });
    expect(stored('two')).toMatchObject({ state: 'AQID', vector: [0.707106769, 0.707106769] });
    expect(stored('zero')).toMatchObject({ state: 'AQID', vector: null });
    const again = await buildStates(buildOver(double, { place, maker: maker() }));
    expect(again.counts).toMatchObject({ fresh: 3, written: 0 });
  });

  it('leave nothing behind of a longer text', async () => {
    await buildStates(buildOver(double, { place, maker: maker() }));
    double.write('docs', 'two', { ...double.documents('docs').get('two')!.source, body: 'shorter' });
    await buildStates(buildOver(double, { place, maker: maker({ blocks: false }) }));
    expect(stored('two')).toMatchObject({ state: null, vector: [1, 0] });
  });

  it('are made where a state was stored without one', async () => {
    await buildStates(buildOver(double, { place: bare, maker: maker() }));
    const options = { ...buildOver(double, { place, maker: maker() }), names: maker() };
    expect(await surveyStates(options)).toMatchObject({ fresh: 0, missing: 3 });
    const { counts } = await buildStates(options);
    expect(counts).toMatchObject({ written: 3 });
    expect(stored('one').vector).toEqual([1, 0]);
  });

  it('are not left to grow old by builds without them, or mixed with those of another width', async () => {
    await buildStates(buildOver(double, { place, maker: maker() }));
    await expect(buildStates(buildOver(double, { place: bare, maker: maker() }))).rejects.toThrow(
      /it has vectors of 2 values, and these are states without vectors/,
    );
    await expect(buildStates(buildOver(double, { place, maker: quickMaker() }))).rejects.toThrow(
      /it has vectors of 2 values, and these are vectors of 1 values/,
    );
  });

  it('are those of anchors', async () => {
    await expect(
      buildStates(buildOver(double, { place, maker: maker({ name: 'tokens-int8' }) })),
    ).rejects.toThrow(/expected a codec of tier anchor, got "tokens-int8"/);
  });

  it('are counted as float32, and as the numbers that are sent', () => {
    const sizes = stateSizes(maker(), place, [stateOf(2, 1, 0), stateOf(2, 1, 0, 0, 1)]);
    expect(sizes.stateBytes).toBe(8 + 8 + 3);
    expect(sizes.sentBytes).toBeGreaterThan(2 * 100);
  });
});
