import { describe, expect, it } from 'vitest';
import { toPrecedents } from '../../../engine/model/precedents-file.ts';
import { precedentLogits } from '../../../engine/readout/precedents.ts';

/** A unit vector in the plane. */
const at = (degrees: number): Float32Array =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
const kernel = { weight: 8, bandwidth: 0.05, prior: 0.01 };
const precedents = toPrecedents(
  [
    {
      queryId: 'near',
      anchor: at(10),
      relevant: [
        { docId: 'a', text: 'first', gain: 4 },
        { docId: 'b', text: 'second', gain: 1 },
      ],
    },
    { queryId: 'far', anchor: at(90), relevant: [{ docId: 'c', text: 'third', gain: 2 }] },
    { queryId: 'nothing', anchor: at(0), relevant: [] },
  ],
  2,
);
const candidates = ['a', 'b', 'c', 'd'].map((docId) => ({ docId, text: `text of ${docId}` }));
const logits = (call: { except?: string; candidates?: typeof candidates } = {}): number[] =>
  precedentLogits(precedents, kernel, { anchor: at(0), candidates, ...call }).map(({ logit }) => logit);

describe('precedentLogits', () => {
  it('adds what similar queries found relevant, by the formula', () => {
    const near = Math.exp((Math.cos(Math.PI / 18) - 1) / 0.05);
    const far = Math.exp(-1 / 0.05);
    const total = 0.01 + near + far;
    const expected = [(8 * near) / total, (8 * near * 0.25) / total, (8 * far) / total, 0];
    for (const [i, logit] of logits().entries()) expect(logit).toBeCloseTo(expected[i]!, 5);
  });

  it('says which judged query spoke, and how like it is', () => {
    const [first, , , none] = precedentLogits(precedents, kernel, { anchor: at(0), candidates });
    expect(first!.query!.queryId).toBe('near');
    expect(first!.query!.cosine).toBeCloseTo(Math.cos(Math.PI / 18), 5);
    expect(none).toEqual({ logit: 0 });
  });

  it('knows a document without its id by its text', () => {
    const [byText] = logits({ candidates: [{ docId: '', text: 'first' }] });
    expect(byText).toBeCloseTo(logits()[0]!, 9);
  });

  it('leaves out a query by its name', () => {
    expect(logits({ except: 'near' }).slice(0, 2)).toEqual([0, 0]);
  });

  it('says little where no judged query is alike', () => {
    const answers = precedentLogits(precedents, kernel, { anchor: at(180), candidates });
    for (const { logit } of answers) expect(logit).toBeLessThan(1e-5);
  });
});
