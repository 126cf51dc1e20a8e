/** Passages in the shape of a search server's `highlight`. */
import type { Candidate } from '../contract.ts';
import type { Passage } from './passages.ts';

/**
 * The passages' words by the field in which they lie, in reading order. Fields without a passage are left out.
 *
 * @param passages - In reading order; none spans two fields.
 */
export function passagesByField(
  { text, segments }: Pick<Candidate, 'text' | 'segments'>,
  passages: readonly Passage[],
): Readonly<Record<string, readonly string[]>> {
  const fields = new Map<string, string[]>();
  for (const { start, end } of passages) {
    const segment = segments.find((each) => start >= each.start && start < each.end);
    if (!segment) continue;
    const own = fields.get(segment.field);
    if (own) own.push(text.slice(start, end));
    else fields.set(segment.field, [text.slice(start, end)]);
  }
  return Object.fromEntries(fields);
}
