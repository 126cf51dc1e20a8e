import { describe, expect, it } from 'vitest';
import { sparseLines } from '../../../plugin/service/sparse-lines.ts';

describe('sparseLines', () => {
  it('writes one line of a kind in a second, and says how many it left out', () => {
    let nowMs = 0;
    const lines = sparseLines(() => nowMs);
    const written = { isWritten: true, leftOut: 0 };
    expect(lines.next('overloaded')).toEqual(written);
    for (let i = 1; i <= 30; i += 1) expect(lines.next('overloaded').isWritten).toBe(false);
    // Another kind, or another tenant's, has lines of its own.
    expect(lines.next('deadline')).toEqual(written);
    nowMs = 1000;
    expect(lines.next('overloaded')).toEqual({ isWritten: true, leftOut: 30 });
    expect(lines.next('overloaded').isWritten).toBe(false);
  });
});
