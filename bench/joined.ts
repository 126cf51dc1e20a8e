/**
 * A layer's queries, keys and values by one product in place of three, and turned inside the attention operator: whether
 * that computes the same, and what it takes. The engine does neither; `docs/gpu.md` says why.
 */
import { toOnnx } from '../engine/graph/onnx.ts';
import type { TensorValue } from '../engine/graph/tensor.ts';
import type { Value } from '../engine/graph/value.ts';
import { toPackedFeeds } from '../engine/network/packed/packed-feeds.ts';
import type { PackedForm } from '../engine/network/packed/packed-form.ts';
import { packedLayout, sizeOf } from '../engine/network/packed/packed-layout.ts';
import { openSession, type SessionOptions } from '../engine/session/runtime.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { decoderShapes } from './support/decoder-shape.ts';
import { joinedForms } from './support/joined-forms.ts';
import { median } from './support/measure.ts';
import { idsOf, listTokens, passageLengths } from './support/passes.ts';

const documents = 25;
const rounds = 9;

export const joined: Bench = {
  about: `One layer's queries, keys, values and attention over ${documents} documents: three products or one, turned before the attention operator or inside.`,
  takes: ['device', 'shape'],
  async run(note, { device = 'cpu', shape = 'smol' }) {
    const { config } = decoderShapes[shape];
    const type = device === 'cpu' ? 'float32' : 'float16';
    const form: PackedForm = { context: 'blocks', attention: 'fused', buckets: 4, queries: 1 };
    const list = {
      instruction: idsOf(listTokens.instruction, config),
      documents: passageLengths(documents).map((length) => idsOf(length, config)),
      queries: [idsOf(listTokens.query, config)],
      queryPosition: 4000,
    };
    const layout = packedLayout(sizeOf(list), form);
    const x = Float32Array.from({ length: layout.tokens * config.width }, (_, i) => Math.sin(i * 12.9898));
    const feeds = {
      ...toPackedFeeds(list, { form, layout }, config),
      x: { type: 'float32', shape: [layout.tokens, config.width], data: x } as const,
    };
    const forms = joinedForms(config, { type, buckets: layout.buckets.length });
    const session = { folder: '.', threads, prepack: true, provider: device };
    const runs: Record<string, { run: () => Promise<Float32Array>; release: () => Promise<void> }> = {};
    for (const [name, outputs] of Object.entries(forms)) runs[name] = await opened(outputs, feeds, session);
    const found: Record<string, Float32Array> = {};
    const times: Record<string, number[]> = {};
    for (let round = 0; round <= rounds; round += 1) {
      note(`round ${round} of ${rounds}`);
      for (const [name, { run }] of Object.entries(runs)) {
        const [start, before] = [performance.now(), process.cpuUsage()];
        found[name] = await run();
        const { user, system } = process.cpuUsage(before);
        // On a processor its own time, which other processes change less than the clock's.
        const ms = device === 'cpu' ? (user + system) / 1000 : performance.now() - start;
        if (round > 0) times[name] = [...(times[name] ?? []), ms];
      }
    }
    for (const { release } of Object.values(runs)) await release();
    const ms = Object.fromEntries(Object.entries(times).map(([name, each]) => [name, rounded(median(each))]));
    const difference = {
      joined: differenceOf(found['joined']!, found['apart']!),
      turnedInside: differenceOf(found['turnedInside']!, found['apart']!),
    };
    const largest = Math.max(difference.joined, difference.turnedInside);
    return {
      figures: { device, shape, type, tokens: layout.tokens, rounds, ms, difference },
      checks: [atMost('largest difference over the largest value', largest, 1e-3)],
    };
  },
};

async function opened(
  outputs: Readonly<Record<'sums', Value>>,
  feeds: Readonly<Record<string, TensorValue>>,
  options: SessionOptions,
): Promise<{ run: () => Promise<Float32Array>; release: () => Promise<void> }> {
  const session = await openSession(toOnnx(outputs), options);
  const own = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputs.has(name)));
  return {
    run: async () => (await session.run(own, ['sums']))['sums']!.data as Float32Array,
    release: () => session.release(),
  };
}

/** The largest difference, by the largest value. */
function differenceOf(values: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / largest;
}
