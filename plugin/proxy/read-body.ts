/** Reads bodies whole, unless they are too large. */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { ReadBody } from './forward.ts';

/**
 * Reads a message's body until it ends, or until more than `maxBytes` have come; then the message is paused, and the
 * rest is still unread. Rejects when the connection breaks.
 */
export function readUpTo(message: IncomingMessage, maxBytes: number): Promise<ReadBody> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) settle(() => resolve({ chunks, isWhole: false }));
    };
    const onEnd = (): void => settle(() => resolve({ chunks, isWhole: true }));
    const onError = (error?: Error): void =>
      settle(() => reject(error ?? new Error('The connection was closed in the middle of a body.')));
    const onClose = (): void => onError();
    const settle = (done: () => void): void => {
      message.pause();
      message.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      done();
    };
    message.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

type Decompress = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const decoders: Readonly<Record<string, Decompress>> = {
  identity: async (bytes) => bytes,
  gzip: promisify(gunzip) as Decompress,
  'x-gzip': promisify(gunzip) as Decompress,
  deflate: promisify(inflate) as Decompress,
  br: promisify(brotliDecompress) as Decompress,
};

/** Whether {@link decoded} knows this compression. */
export function canDecode(encoding: string): boolean {
  return Object.hasOwn(decoders, encoding.trim().toLowerCase());
}

/**
 * A body without its compression; `undefined` when the compression is unknown or wrong, or the result would exceed
 * `maxBytes`.
 *
 * @param encoding - The value of `Content-Encoding`; absent: not compressed.
 */
export async function decoded(
  bytes: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const name = encoding ?? 'identity';
  if (!canDecode(name)) return undefined;
  const decode = decoders[name.trim().toLowerCase()]!;
  try {
    return await decode(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    // The receiver judges such a body: it gets the bytes unchanged and says what is wrong with them.
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_')) return undefined;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    if (String((error as NodeJS.ErrnoException).code).startsWith('ERR__ERROR_FORMAT')) return undefined;
    throw error;
  }
}
