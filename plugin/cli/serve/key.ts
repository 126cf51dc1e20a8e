/** Runs `blockrank key`: makes an API key of the service, and the hash that the configuration holds. */
import { randomBytes } from 'node:crypto';
import { decodeText } from '../../../engine/index.ts';
import { hashKey } from '../../service/index.ts';
import type { CliContext } from '../context.ts';

/** Bytes of a new key. */
const keyBytes = 32;

/** Prints a new key with its hash, or the hash of the key on standard input. */
export async function printKey(
  context: CliContext,
  { stdin, json }: { readonly stdin?: true; readonly json?: true },
): Promise<void> {
  const key = stdin ? await readKey(context) : randomBytes(keyBytes).toString('base64url');
  const sha256 = hashKey(key);
  if (json) context.printJson(stdin ? { sha256 } : { key, sha256 });
  else context.print(stdin ? sha256 : `${key}\n${sha256}`);
}

async function readKey({ stdin }: CliContext): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part as Buffer));
  return decodeText(Buffer.concat(parts), 'the key').trim();
}
