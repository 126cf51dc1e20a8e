import { describe, expect, it } from 'vitest';
import { runParity } from '../../../../scripts/parity/run-parity.ts';
import { parityFixtures } from '../../../support/tiny/tiny-decoder.ts';

describe('parity with the official implementation', () => {
  it('computes its ids, positions, logits, scores, rankings and losses for Mistral, Llama and Qwen', async () => {
    const differences = await runParity(parityFixtures);
    expect(differences.failures).toEqual([]);
    // Seven cases a model, three of in-context reranking without training.
    expect(differences.cases).toBe(24);
  });
});
