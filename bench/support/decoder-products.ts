/** A decoder's linear layers and nothing else: what the arithmetic of a list alone costs. */
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { fileTensor, input, type Value } from '../../engine/graph/value.ts';
import type { DecoderParts } from '../../engine/rerank/decoder/decoder-runner.ts';
import { type GraphSession, openSession, type SessionOptions } from '../../engine/session/runtime.ts';
import { idsOf } from './passes.ts';

/** Every layer's products over the same rows. */
export interface DecoderProducts {
  /** Runs them over so many tokens. */
  run(tokens: number): Promise<unknown>;
  /** Frees the session. */
  release(): Promise<void>;
}

/** Opens the products of the first layers. */
export async function openDecoderProducts(
  { config, weights, computeType = 'float32' }: DecoderParts,
  layers: number,
  options: SessionOptions,
): Promise<DecoderProducts> {
  const outputs: Record<string, Value> = {};
  const tensor = (name: string): Value => {
    const { type, shape, file, offset, length } = weights.get(`${name}.weight`)!;
    const value = fileTensor(name, { type, shape }, { location: file, offset, length });
    return g.cast(value, computeType);
  };
  const linear = (name: string, x: Value): Value => {
    const y = g.linear(x, tensor(name));
    // One row of each product is read: enough to have it computed, too little to cost.
    outputs[`y${Object.keys(outputs).length}`] = g.slice(y, { axis: 0, start: 0, end: 1 });
    return y;
  };
  const x = g.gather(tensor('model.embed_tokens'), input('ids', 'int64', ['T']));
  for (let layer = 0; layer < layers; layer += 1) {
    const name = `model.layers.${layer}`;
    const query = linear(`${name}.self_attn.q_proj`, x);
    for (const part of ['self_attn.k_proj', 'self_attn.v_proj', 'mlp.gate_proj'])
      linear(`${name}.${part}`, x);
    linear(`${name}.self_attn.o_proj`, query);
    linear(`${name}.mlp.down_proj`, linear(`${name}.mlp.up_proj`, x));
  }
  const values = Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, g.cast(value, 'float32')]),
  );
  const session: GraphSession = await openSession(toOnnx(values), options);
  return {
    run(tokens) {
      const data = BigInt64Array.from(idsOf(tokens, config), BigInt);
      return session.run({ ids: { type: 'int64', shape: [tokens], data } }, Object.keys(values));
    },
    release: () => session.release(),
  };
}
