import { describe, expect, it } from 'vitest';
import { mistralShape, smolShape } from '../../../../bench/support/decoder-shape.ts';
import { input } from '../../../../engine/graph/value.ts';
import { packedSignalLogits } from '../../../../engine/network/packed/packed-decoder.ts';
import type { PackedForm } from '../../../../engine/network/packed/packed-form.ts';
import { type PackedLayout, packedLayout } from '../../../../engine/network/packed/packed-layout.ts';
import { packedBytes, packedWeightBytes } from '../../../../engine/network/packed/packed-memory.ts';
import type { Parameters } from '../../../../engine/network/parameters.ts';
import { type AxisLengths, liveBytes } from '../../../support/oracles/live-bytes.ts';

function lengthsOf({ size, buckets, seen, tokens }: PackedLayout, form: PackedForm): AxisLengths {
  const repeated = form.attention === 'fused' ? size.instruction : 0;
  const lengths: Record<string, number> = {
    T: tokens,
    P: seen,
    I: size.instruction,
    M: seen - size.instruction,
    S: 2,
    R: size.instruction + Math.max(...size.documents) + size.queries[0]!,
    'query_0.L': size.queries[0]!,
  };
  let rows = size.queries[0]! + (repeated > 0 ? 0 : size.instruction);
  for (let b = 0; b < form.buckets; b += 1) {
    const { from, to, longest } = buckets[b] ?? { from: 0, to: 1, longest: 1 };
    lengths[`bucket_${b}.N`] = to - from;
    lengths[`bucket_${b}.L`] = repeated + longest;
    rows += (to - from) * (repeated + longest);
  }
  return { ...lengths, rows };
}

const lengthOf = (document: number, scale: number): number =>
  Math.round(scale * (60 + ((document * 7919) % 97) + (document % 25 === 0 ? 194 : 0)));
const parameters: Parameters = (name, shape) => input(name, 'float16', shape);

describe('packedWeightBytes', () => {
  it('says what the weights of a graph take, within 1 %', () => {
    for (const [config, layers] of [
      [mistralShape, 20],
      [smolShape, 12],
    ] as const) {
      const bytes = new Map<string, number>();
      const counting: Parameters = (name, shape) => {
        bytes.set(
          name,
          shape.reduce((product, axis) => product * axis, 2),
        );
        return input(name, 'float16', shape);
      };
      const form: PackedForm = { context: 'blocks', attention: 'fused', buckets: 2, queries: 1 };
      packedSignalLogits({ config, parameters: counting }, { scoringLayer: layers, form });
      const counted = [...bytes.values()].reduce((sum, each) => sum + each, 0);
      expect(packedWeightBytes(config, { layers, type: 'float16' }) / counted).toBeCloseTo(1, 2);
    }
  });
});

describe('packedBytes', () => {
  const cases = [25, 100, 500].flatMap((documents) =>
    [0.25, 1, 2].flatMap((scale) =>
      (['fused', 'products'] as const).map((attention) => ({ documents, scale, attention })),
    ),
  );

  it.each(cases)(
    'says what $documents documents of $scale times the usual length take by $attention, within 15 %',
    ({ documents, scale, attention }) => {
      for (const config of [mistralShape, smolShape]) {
        const form: PackedForm = { context: 'blocks', attention, buckets: 8, queries: 1 };
        const sizes = Array.from({ length: documents }, (_, document) => lengthOf(document, scale));
        const layout = packedLayout({ instruction: 92, documents: sizes, queries: [66] }, form);
        const graph = packedSignalLogits(
          { config, parameters, computeType: 'float16' },
          { scoringLayer: 2, form },
        );
        const counted = liveBytes(Object.values(graph), lengthsOf(layout, form));
        const said = packedBytes({ config, layout, form, type: 'float16' });
        expect(said / counted).toBeGreaterThan(0.9);
        expect(said / counted).toBeLessThan(1.15);
      }
    },
  );
});
