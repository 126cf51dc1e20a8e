/** A list as one text over all layers, and as blocks: what both gain in this runtime on this device. */
import { rounded } from '../../support/bench.ts';
import { decoderShapes } from '../../support/decoder-shape.ts';
import { steady } from '../../support/measure.ts';
import { Passes, passageLengths, textTokens } from '../../support/passes.ts';
import { decoderSetup } from '../decoder-setup.ts';
import type { Part } from '../part.ts';

export const full: Part<'full'> = async (options, say) => {
  const { rounds, sizes } = options;
  const { lists, chunkTokens, batchTokens } = sizes;
  const { config, scoringLayer } = decoderShapes[options.shape];
  const setup = await decoderSetup(options);
  const blocks = new Map<number, number>();
  const passes = new Passes({ ...setup, batchTokens, chunkTokens });
  for (const count of lists) {
    const ms = await steady(rounds, () => passes.blocks(passageLengths(count), scoringLayer));
    blocks.set(count, ms);
    say({ byDocuments: { [count]: { tokens: textTokens(passageLengths(count)), blockMs: rounded(ms, 5) } } });
  }
  // Both at once would not fit into a card's memory.
  await passes.release();
  for (const count of lists) {
    const lengths = passageLengths(count);
    const wholeMs = await steady(rounds, () => passes.full(lengths, config.layers));
    const decodingMs = await steady(rounds, () => passes.decode(lengths));
    const blockMs = blocks.get(count)!;
    say({
      byDocuments: {
        [count]: {
          wholeMs: rounded(wholeMs, 5),
          decodingMs: rounded(decodingMs),
          wholeOverBlock: rounded(wholeMs / blockMs),
          withDecodingOverBlock: rounded((wholeMs + decodingMs) / blockMs),
        },
      },
    });
  }
  await passes.release();
};
