/** `blockrank key`: makes an API key of the service, and the hash that the configuration holds. */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { hashKey } from '../../service/index.ts';
import type { CliContext } from '../context.ts';

const examples = `
Examples:
  $ blockrank key                         # a new key on the first line, its hash on the second
  $ printf %s "$KEY" | blockrank key --stdin   # the hash of a key that exists already

In the configuration: service: { keys: [{ tenant: shop, sha256: <the hash> }] }`;

/** Bytes of a new key. */
const keyBytes = 32;

/** Makes the command `key`. */
export function keyCommand(context: CliContext): Command {
  return new Command('key')
    .description('make an API key for `blockrank serve`, and its hash')
    .option('--stdin', 'hash the key that standard input holds')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action((flags: { readonly stdin?: true; readonly json?: true }) => printKey(context, flags));
}

async function printKey(
  context: CliContext,
  { stdin, json }: { readonly stdin?: true; readonly json?: true },
): Promise<void> {
  const key = stdin ? await readKey(context) : randomBytes(keyBytes).toString('base64url');
  const sha256 = hashKey(key);
  if (json) context.printJson(stdin ? { sha256 } : { key, sha256 });
  else context.print(stdin ? sha256 : `${key}\n${sha256}`);
}

async function readKey({ stdin }: CliContext): Promise<string> {
  const parts: string[] = [];
  for await (const part of stdin) parts.push(String(part));
  return parts.join('').trim();
}
