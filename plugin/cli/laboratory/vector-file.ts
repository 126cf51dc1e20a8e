/** Vectors of a JSONL file: `{"_id": ..., "vector": [...]}` a line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { ConfigurationError, type Embeddings, TrecFormatError } from '../../../engine/index.ts';

const lineSchema = z.looseObject({ _id: z.string(), vector: z.array(z.number()).min(1) });

/**
 * The vectors of these ids, in their order. @throws TrecFormatError for a line that has no vector, or one of another width.
 * @throws ConfigurationError when the file cannot be read or lacks an id.
 */
export async function readVectors(path: string, ids: readonly string[]): Promise<Embeddings> {
  const places = new Map(ids.map((id, i) => [id, i]));
  const found: (readonly number[])[] = [];
  let [line, width] = [0, 0];
  const stream = createReadStream(path, 'utf8');
  const opened = new Promise<void>((resolve, reject) =>
    stream.once('open', () => resolve()).once('error', reject),
  );
  await opened.catch((cause: unknown) => {
    throw problem(`cannot read "${path}"`, cause);
  });
  for await (const text of createInterface({ input: stream })) {
    line += 1;
    if (text.trim() === '') continue;
    const { _id, vector } = parseLine(text, { path, line });
    width ||= vector.length;
    if (vector.length !== width) {
      throw new TrecFormatError({
        path,
        line,
        text: text.slice(0, 80),
        expected: `a vector of ${width} numbers, as in the lines before`,
      });
    }
    const place = places.get(_id);
    if (place !== undefined) found[place] = vector;
  }
  const missing = ids.filter((_, i) => !found[i]);
  if (missing.length > 0) {
    throw problem(
      `"${path}" has no vector for ${missing.length} of ${ids.length} ids, such as "${missing[0]}"`,
    );
  }
  return { width, rows: Float32Array.from(found.flat()) };
}

function parseLine(
  text: string,
  at: { readonly path: string; readonly line: number },
): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch {
    const expected = 'an object with a string "_id" and numbers under "vector"';
    throw new TrecFormatError({ ...at, text: text.slice(0, 80), expected });
  }
}

const problem = (message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError('Cannot report on embeddings', [{ path: 'embeddings', message }], { cause });
