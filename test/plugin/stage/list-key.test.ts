import { describe, expect, it } from 'vitest';
import type { CandidateSignals, Shortlist } from '../../../engine/index.ts';
import { listKey } from '../../../plugin/stage/list-key.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const { info } = fakeReranker();
const list = shortlistOf('dogs', 'cats', 'dogs');
const withSignals = (...signals: readonly CandidateSignals[]): Shortlist => ({
  ...list,
  candidates: list.candidates.map((candidate, i) => ({ ...candidate, signals: signals[i]! })),
});

describe('the key of a list', () => {
  it('is the same for the same list, and changes with a signal, which score steps may read, and with an instruction', () => {
    const keys = [
      list,
      withSignals({ price: 1 }, { price: 2 }),
      withSignals({ price: 2 }, { price: 1 }),
      withSignals({ price: 1 }, { price: null }),
      withSignals({ price: '1' }, { price: 2 }),
    ].map((one) => listKey(one, info));
    const asked = { ...list, query: { ...list.query, instruction: 'find dogs' } };
    keys.push(listKey(asked, info));
    expect(new Set(keys).size).toBe(keys.length);
    expect(listKey(withSignals({ price: 1 }, { price: 2 }), info)).toBe(keys[1]);
  });
});
