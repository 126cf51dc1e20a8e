/** Run by the WebGPU test in a process of its own: an encoder's gradients on WebGPU beside the processor's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { input, type Value } from '../../../engine/graph/value.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { trainingGraph } from '../../../engine/training/training-graph.ts';
import { naiveWeights } from '../oracles/naive-decoder.ts';

const folder = 'test/fixtures/bert-tiny';
const config = parseEncoderConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), folder);
const inputs: Record<string, Value> = {};
const { states } = encoderGraph(
  config,
  (name, shape) => {
    inputs[name] ??= input(name, 'float32', shape);
    return inputs[name];
  },
  { precision: 'fp32' },
);
const part = (from: number): Value => g.slice(states, { axis: 1, start: from, end: from + 16 });
const loss = g.sumOver(g.multiply(part(0), part(16)), [0, 1], { keeps: false });
const graph = trainingGraph({ loss, parameters: inputs });
const weights = await naiveWeights(folder);
const feeds = {
  ...toEncoderFeeds([Int32Array.of(2, 17, 45, 45, 3), Int32Array.of(2, 99, 3)], config, 0),
  ...Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [
      name,
      { type: 'float32', shape: shape as number[], data: weights.get(name)! } as const,
    ]),
  ),
};
const run = async (provider: 'cpu' | 'webgpu') => {
  const session = await openSession(toOnnx(graph), { folder: '.', threads: 1, prepack: false, provider });
  const answer = await session.run(feeds, Object.keys(graph));
  await session.release();
  return answer;
};
const [cpu, gpu] = [await run('cpu'), await run('webgpu')];
let largest = 0;
let difference = 0;
for (const [name, { data }] of Object.entries(cpu)) {
  data.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(Number(value)));
    difference = Math.max(difference, Math.abs(Number(value) - Number(gpu[name]!.data[i])));
  });
}
console.log(JSON.stringify({ gradients: Object.keys(inputs).length, largest, difference }));
