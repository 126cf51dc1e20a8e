/** Reads the JSON files of a model folder; without the schemas that check them, which workers have no use for. */
import { readFile } from 'node:fs/promises';
import { decodeText } from '../decode-text.ts';
import { ModelFormatError } from '../errors.ts';

/** Parses a JSON file of a model folder. @throws ModelFormatError when the file is missing or holds no JSON. */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelFormatError(
      { path, expected: 'a readable file', found: cause.code ?? cause.message },
      { cause },
    );
  });
  try {
    return JSON.parse(decodeText(bytes, `"${path}"`));
  } catch (cause) {
    throw new ModelFormatError({ path, expected: 'JSON', found: String(cause) }, { cause });
  }
}
