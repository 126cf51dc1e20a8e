/** The weights that a decoder needs, by name and shape. */
import type { DecoderConfig } from './decoder-config.ts';

/**
 * Every tensor of a network's first layers, by name.
 *
 * @param layers - Layers that will be computed. @defaultValue all
 */
export function decoderWeights(
  config: DecoderConfig,
  layers: number = config.layers,
): ReadonlyMap<string, readonly number[]> {
  const { width: W, vocabulary, tiedEmbeddings } = config;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [vocabulary, W]]]);
  for (let layer = 0; layer < layers; layer += 1) addLayer(shapes, `model.layers.${layer}`, config);
  if (layers < config.layers) return shapes;
  shapes.set('model.norm.weight', [W]);
  if (!tiedEmbeddings) shapes.set('lm_head.weight', [vocabulary, W]);
  return shapes;
}

function addLayer(shapes: Map<string, readonly number[]>, name: string, config: DecoderConfig): void {
  const { width: W, heads, keyValueHeads, headSize: D, innerWidth: F, bias, queryKeyNorm } = config;
  const linear = (part: string, rows: number, columns: number, hasBias: boolean): void => {
    shapes.set(`${name}.${part}.weight`, [rows, columns]);
    if (hasBias) shapes.set(`${name}.${part}.bias`, [rows]);
  };
  shapes.set(`${name}.input_layernorm.weight`, [W]);
  shapes.set(`${name}.post_attention_layernorm.weight`, [W]);
  linear('self_attn.q_proj', heads * D, W, bias.queryKeyValue);
  linear('self_attn.k_proj', keyValueHeads * D, W, bias.queryKeyValue);
  linear('self_attn.v_proj', keyValueHeads * D, W, bias.queryKeyValue);
  linear('self_attn.o_proj', W, heads * D, bias.output);
  linear('mlp.gate_proj', F, W, bias.feedForward);
  linear('mlp.up_proj', F, W, bias.feedForward);
  linear('mlp.down_proj', W, F, bias.feedForward);
  if (!queryKeyNorm) return;
  for (const part of ['q', 'k']) shapes.set(`${name}.self_attn.${part}_norm.weight`, [D]);
}

/** What a file lacks or has in another shape, one line each; empty when everything is there. */
export function missingWeights(
  config: DecoderConfig,
  table: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): string[] {
  return [...decoderWeights(config)].flatMap(([name, shape]) => {
    const entry = table.get(name);
    if (!entry) return [`${name} [${shape}] is missing`];
    return entry.shape.join() === shape.join() ? [] : [`${name} is [${entry.shape}] instead of [${shape}]`];
  });
}
