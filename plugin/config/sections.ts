/** Pieces that several parts of the configuration file are made of. */
import { z } from 'zod';
import { stateCodec } from '../../engine/index.ts';
import type { RerankerConfig } from './schema.ts';

/** An object that knows its keys by heart: an unknown one is a problem that names the accepted ones. */
export const section = <Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key; accepted: ${Object.keys(shape).join(', ')}`
        : undefined,
  });

const text = z.string().min(1);
const count = z.int().min(1);

/** The name of a form of block states. */
export const codecName: z.ZodType<string> = z.string().check((ctx) => {
  try {
    stateCodec(ctx.value);
  } catch (error) {
    ctx.issues.push({ code: 'custom', message: (error as RangeError).message, input: ctx.value });
  }
});

const redis = section({
  url: z.url({ protocol: /^rediss?$/, error: 'expected an address such as redis://cache.example:6379' }),
  prefix: text.optional(),
  ttlMs: z.number().gt(0).optional(),
});

/** The section `reranker`, and every other place that names a local model. */
export const rerankerSection: z.ZodType<RerankerConfig> = section({
  model: text.optional(),
  precision: z.enum(['fp32', 'int8', 'fp16']).optional(),
  device: z.enum(['auto', 'cpu', 'webgpu', 'cuda']).optional(),
  batchTokens: count.optional(),
  memoryLimitBytes: count.optional(),
  tier: z.enum(['tokens', 'anchor']).optional(),
  workers: count.optional(),
  threads: count.optional(),
  maxDocumentTokens: z.int().min(8).optional(),
  maxQueryTokens: count.optional(),
  stateCacheBytes: z.int().min(0).optional(),
  stateFolder: text.optional(),
  stateRedis: redis.optional(),
  stateCodec: codecName.optional(),
  warmUp: z.boolean().optional(),
});
