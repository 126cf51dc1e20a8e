/** Builds the schema of a section from a table of options. */
import { z } from 'zod';
import { stateCodec } from '../../engine/index.ts';
import type { OptionRow, OptionTable } from '../options/option.ts';

/** An object with fixed keys; for an unknown key the issue names the accepted ones. */
export const section = <Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key; accepted: ${Object.keys(shape).join(', ')}`
        : undefined,
  });

/**
 * The section whose keys a table lists, in its order, each described by its help text.
 *
 * @param own - Schemas of the keys that no row can describe: sections, and texts of a special form.
 */
export function sectionOf(table: OptionTable, own: Readonly<Record<string, z.ZodType>> = {}): z.ZodObject {
  const entries = Object.entries(table).map(([name, row]) => {
    const schema = (own[name] ?? schemaOf(row)).describe(row.help);
    return [name, row.isRequired ? schema : schema.optional()] as const;
  });
  return section(Object.fromEntries(entries));
}

/** A section that `false` turns off. */
export function falseOr(of: z.ZodType): z.ZodType {
  return z.union([z.literal(false), of]);
}

/** The name of a form of block states. */
export const codecName: z.ZodType<string> = z.string().check((ctx) => {
  try {
    stateCodec(ctx.value);
  } catch (error) {
    ctx.issues.push({ code: 'custom', message: (error as RangeError).message, input: ctx.value });
  }
});

function schemaOf(row: OptionRow): z.ZodType {
  const { type, of = [], mayBeEmpty } = row;
  switch (type) {
    case 'text':
      return mayBeEmpty ? z.string() : z.string().min(1);
    case 'whole':
      return bounded(z.int(), row);
    case 'number':
      return bounded(z.number(), row);
    case 'switch':
      return z.boolean();
    case 'choice':
      return z.enum(of as [string, ...string[]]);
    case 'list':
      return mayBeEmpty ? z.array(z.string().min(1)) : z.array(z.string().min(1)).min(1);
    case 'section':
    case 'sections':
    case 'quantity':
    case 'code':
      throw new TypeError(`sectionOf: expected a schema for the key of type ${type}.`);
    default:
      return type satisfies never;
  }
}

function bounded(of: z.ZodNumber, { min, above, below, max }: OptionRow): z.ZodNumber {
  let schema = of;
  if (min !== undefined) schema = schema.min(min);
  if (above !== undefined) schema = schema.gt(above);
  if (below !== undefined) schema = schema.lt(below);
  if (max !== undefined) schema = schema.max(max);
  return schema;
}

/** Makes a check run beside the others, so that one error tells every problem. */
export const always: { readonly when: (payload: { readonly value: unknown }) => boolean } = {
  when: ({ value }: { readonly value: unknown }) => typeof value === 'object' && value !== null,
};
