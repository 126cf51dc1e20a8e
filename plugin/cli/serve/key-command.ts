/** `blockrank key`: makes an API key of the service, and the hash that the configuration holds. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';

const examples = `
Examples:
  $ blockrank key                         # a new key on the first line, its hash on the second
  $ printf %s "$KEY" | blockrank key --stdin   # the hash of a key that exists already

In the configuration: service: { keys: [{ tenant: shop, sha256: <the hash> }] }`;

/** Makes the command `key`. */
export function keyCommand(context: CliContext): Command {
  return new Command('key')
    .description('make an API key for `blockrank serve`, and its hash')
    .addOption(new Flag('--stdin', { type: 'switch', help: 'hash the key that standard input holds' }))
    .addOption(jsonFlag())
    .addHelpText('after', examples)
    .action(async (flags: { readonly stdin?: true; readonly json?: true }) => {
      const { printKey } = await import('./key.ts');
      await printKey(context, flags);
    });
}
