/** A list as one text over all layers, and as blocks: what both gain in this runtime on this device. */
import { rounded } from '../../support/bench.ts';
import { decoderShapes } from '../../support/decoder-shape.ts';
import { steady } from '../../support/measure.ts';
import { OneRunPasses } from '../../support/one-run-passes.ts';
import { Passes, passageLengths, textTokens } from '../../support/passes.ts';
import { decoderSetup } from '../decoder-setup.ts';
import type { Part } from '../part.ts';

export const full: Part<'full'> = async (options, say) => {
  const { rounds, path, sizes } = options;
  const { lists, chunkTokens, batchTokens } = sizes;
  const { config, scoringLayer } = decoderShapes[options.shape];
  const setup = await decoderSetup(options);
  const blockMs = new Map<number, number>();
  const oneRun = new OneRunPasses(setup);
  const inRuns = new Passes({ ...setup, batchTokens, chunkTokens });
  const passes = path === 'one-run' ? oneRun : inRuns;
  for (const count of lists) {
    const lengths = passageLengths(count);
    const ms = await steady(rounds, () => passes.blocks(lengths, scoringLayer));
    blockMs.set(count, ms);
    say({ byDocuments: { [count]: { tokens: textTokens(lengths), blockMs: rounded(ms, 5) } } });
  }
  // Both at once would not fit into a card's memory.
  await passes.release();
  for (const count of lists) {
    const lengths = passageLengths(count);
    const ratio = (ms: number): number => rounded(ms / blockMs.get(count)!);
    const tell = (figures: Readonly<Record<string, number>>): void =>
      say({ byDocuments: { [count]: figures } });
    if (path === 'one-run') {
      const wholeMs = await steady(rounds, () => oneRun.text(lengths));
      tell({ wholeMs: rounded(wholeMs, 5), wholeOverBlock: ratio(wholeMs) });
    } else {
      const wholeMs = await steady(rounds, () => inRuns.full(lengths, config.layers));
      tell({ wholeMs: rounded(wholeMs, 5), wholeOverBlock: ratio(wholeMs) });
      const decodingMs = await steady(rounds, () => inRuns.decode(lengths));
      tell({ decodingMs: rounded(decodingMs), withDecodingOverBlock: ratio(wholeMs + decodingMs) });
    }
  }
  await passes.release();
};
