/** Reads a request's wish about reranking from its header `x-blockrank`: `on`, `off`, or a JSON object. */
import { z } from 'zod';
import { secondSearchOptions } from '../options/stage-options.ts';
import type { StageWish } from '../stage/index.ts';
import { ProxyError } from './server-error.ts';

const wishShape: z.ZodType<StageWish> = z.strictObject({
  rankWindowSize: z.int().min(1).optional(),
  topN: z.int().min(1).optional(),
  minScore: z.number().min(0).max(1).optional(),
  queryText: z.string().min(1).optional(),
  instruction: z.string().min(1).optional(),
  explain: z.boolean().optional(),
  passages: z
    .union([
      z.literal(false),
      z.strictObject({
        perHit: z.int().min(1).optional(),
        maxTokens: z.int().min(1).optional(),
        maxTotalTokens: z.int().min(1).optional(),
      }),
    ])
    .optional(),
  secondSearch: z
    .union([
      z.literal(false),
      z.strictObject({
        k: z.int().min(secondSearchOptions.k.min).max(secondSearchOptions.k.max).optional(),
      }),
    ])
    .optional(),
  deadlineMs: z.number().gt(0).optional(),
}) as z.ZodType<StageWish>;

/**
 * The wish in the header's value: `true` and an object ask for reranking whatever the index, `false` opts out;
 * `undefined` without the header. Outside ASCII, JSON is written with `\u` escapes or in UTF-8.
 *
 * @throws ProxyError (status 400) saying what the header may hold.
 */
export function wishOf(value: string | undefined): StageWish | boolean | undefined {
  const text = value?.trim();
  if (text === undefined || text === '') return undefined;
  if (text === 'on' || text === 'true') return true;
  if (text === 'off' || text === 'false') return false;
  const read = parse(Buffer.from(text, 'latin1').toString('utf8'));
  const { data, error } = wishShape.safeParse(read);
  if (!error) return data;
  const faults = error.issues.map(({ path, message }) =>
    [path.join('.'), message].filter(Boolean).join(': '),
  );
  throw wrongWish(faults.join('; '));
}

/** The error for a faulty header. @param fault - The fault, in words. */
export function wrongWish(fault: string): ProxyError {
  return new ProxyError(
    { status: 400, type: 'illegal_argument_exception' },
    `Cannot read the header x-blockrank: ${fault}. It holds "on", "off", or a JSON object with any of rankWindowSize, topN, minScore, queryText, instruction, explain, passages, secondSearch, deadlineMs.`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw wrongWish('it is no JSON');
    throw error;
  }
}
