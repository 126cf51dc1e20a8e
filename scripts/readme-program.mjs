/**
 * Prints the first program of a README, or with `--output` what the README says that it prints:
 * `node scripts/readme-program.mjs [--output] README.md`. The program is the first `js` block, its output the
 * `text` block after it.
 */
import { readFileSync } from 'node:fs';

const args = process.argv.slice(2);
const wantsOutput = args[0] === '--output';
const path = args.at(-1);
const fence = wantsOutput ? /```js\n[\s\S]*?```[\s\S]*?```text\n([\s\S]*?)```/ : /```js\n([\s\S]*?)```/;
const found = fence.exec(readFileSync(path, 'utf8'));
if (!found) {
  process.stderr.write(`readme-program: expected a js block followed by a text block in "${path}".\n`);
  process.exit(1);
}
process.stdout.write(found[1]);
