/** Decodes the bytes of a file that a person wrote, in the encoding of their editor. */
import { readFile } from 'node:fs/promises';
import { ConfigurationError } from './errors.ts';

const marks: readonly { readonly bytes: readonly number[]; readonly encoding: string }[] = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
];

/**
 * The text of a file, without its byte order mark: UTF-8, or UTF-16 where a mark says so.
 *
 * @param what - Name of the file, for the error: `documents "pages.txt"`.
 * @throws ConfigurationError naming the line where the bytes are in neither encoding.
 *
 * @example const text = decodeText(await readFile('pages.txt'), 'documents "pages.txt"');
 */
export function decodeText(bytes: Uint8Array, what: string): string {
  const encoding =
    marks.find((mark) => mark.bytes.every((byte, i) => bytes[i] === byte))?.encoding ?? 'utf-8';
  // Without a mark, every second byte of most texts in UTF-16 is 0, and none of a text in UTF-8.
  const zero = encoding === 'utf-8' ? bytes.indexOf(0) : -1;
  if (zero !== -1) throw noText(what, bytes, zero);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw noText(what, bytes, firstFault(bytes, encoding));
  }
}

/** Reads a file as {@link decodeText} says. @throws ConfigurationError @throws the system's error when it cannot be read. */
export async function readText(path: string, what = `"${path}"`): Promise<string> {
  return decodeText(await readFile(path), what);
}

function noText(what: string, bytes: Uint8Array, at: number): ConfigurationError {
  const line = bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
  const message = `expected UTF-8, or UTF-16 with a byte order mark; line ${line} holds bytes that are neither`;
  return new ConfigurationError(`Cannot read ${what}`, [{ path: '', message }]);
}

/** Number of leading bytes that can be decoded. */
function firstFault(bytes: Uint8Array, encoding: string): number {
  let [sound, whole] = [0, bytes.length];
  while (whole - sound > 1) {
    const middle = (sound + whole) >> 1;
    const decoder = new TextDecoder(encoding, { fatal: true });
    try {
      decoder.decode(bytes.subarray(0, middle), { stream: true });
      sound = middle;
    } catch {
      whole = middle;
    }
  }
  return sound;
}
