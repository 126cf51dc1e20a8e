/** PyTorch on the same machine: its products, its block form with a flash kernel, the whole text, the encoder's shape. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { defaultModelFolder } from '../../../engine/model/folder.ts';
import type { Figures, Part } from '../part.ts';

/** Python with PyTorch, transformers and tokenizers; another one by `BENCH_PYTHON`. */
const python = process.env['BENCH_PYTHON'] ?? 'python3';

export const peer: Part<'peer'> = async ({ shape, sizes, rounds }, say) => {
  const small = shape === 'small' ? ['--small'] : [];
  const lists = ['--lists', sizes.lists.join(), '--rounds', String(rounds)];
  await run('torch-decoder.py', [...lists, ...small], say);
  await run('torch-encoder.py', [defaultModelFolder(), '--documents', sizes.documents.join(), ...small], say);
};

/** Each line that the program prints is figures. */
function run(name: string, args: readonly string[], say: (figures: Figures) => void): Promise<void> {
  const path = fileURLToPath(new URL(`../../peers/${name}`, import.meta.url));
  const child = spawn(python, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Whoever ends this process means both.
  const end = (): void => {
    child.kill('SIGKILL');
    process.exit(1);
  };
  process.once('SIGTERM', end);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) say(JSON.parse(line) as Figures);
  });
  let lastWords = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    process.stderr.write(`${line}\n`);
    if (line.trim() !== '') lastWords = line.trim();
  });
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(new Error(`Cannot run "${python}": ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      process.off('SIGTERM', end);
      if (code === 0) resolve();
      else reject(new Error(`${name} ended with ${signal ?? `exit code ${code}`}: ${lastWords}`));
    });
  });
}
