/**
 * Runs scripts of package.json at the same time: `node scripts/side-by-side.mjs NAME…`. Prints what each one said once
 * it has ended, with the time that it took, and fails when one of them failed.
 */
import { spawn } from 'node:child_process';

const names = process.argv.slice(2);
if (names.length === 0) {
  process.stderr.write('side-by-side: expected names of scripts to run.\n');
  process.exit(2);
}
const codes = await Promise.all(names.map(outcomeOf));
process.exit(codes.find((code) => code !== 0) ?? 0);

/** Runs one script and gives its exit code. */
function outcomeOf(name) {
  const startedMs = Date.now();
  const child = spawn('npm', ['run-script', '--silent', name], { shell: process.platform === 'win32' });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      said += `Cannot run npm: ${error.message}.\n`;
      resolve(1);
    });
    child.on('close', (code, signal) => {
      const outcome = code === 0 ? 'passed' : `failed (${signal ?? `exit code ${code}`})`;
      process.stdout.write(
        `== ${name} ${outcome} after ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n${said}`,
      );
      resolve(code ?? 1);
    });
  });
}
