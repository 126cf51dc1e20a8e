/** Pieces that several parts of the configuration file are made of. */
import { z } from 'zod';
import { stateCodec } from '../../engine/index.ts';

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

/** The name of a form of block states. */
export const codecName: z.ZodType<string> = z.string().check((ctx) => {
  try {
    stateCodec(ctx.value);
  } catch (error) {
    ctx.issues.push({ code: 'custom', message: (error as RangeError).message, input: ctx.value });
  }
});
