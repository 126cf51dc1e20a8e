import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliProgram, runCli } from '../support/programs/run-cli.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-cli-'));
});

afterAll(() => rm(folder, { recursive: true }));

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const escapeCharacter = String.fromCharCode(27);

// Starting the program costs seconds on a busy machine.
describe('blockrank', () => {
  it('shows its commands and exit codes with --help', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}rerank /m);
    expect(stdout).toContain(
      'Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.',
    );
  });

  it('shows examples with the help of every command', async () => {
    const { stdout } = await runCli(['--help']);
    const commands = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z]+) /gm)]
      .map(([, name]) => name!)
      .filter((name) => name !== 'help');
    expect(commands).toContain('rerank');
    const helps = await Promise.all(
      commands.map(async (command) => ({ command, ...(await runCli([command, '--help'])) })),
    );
    for (const { command, ...help } of helps) {
      expect(help.code, command).toBe(0);
      expect(help.stdout, command).toContain(`$ blockrank ${command} `);
      // The log of serve is JSON in any case.
      if (command !== 'serve') expect(help.stdout, command).toContain('--json');
    }
  });

  it('prints the version of the package', async () => {
    const { code, stdout } = await runCli(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    ['no command', [], 'Usage: blockrank'],
    ['an unknown command', ['rank'], "unknown command 'rank'"],
    ['an unknown option', ['rerank', 'q', 'd', '--widow', '3'], '--window'],
    ['no query', ['rerank'], "missing required argument 'query'"],
    ['an empty query', ['rerank', ' ', 'd'], 'query: expected words'],
    [
      'a window of nothing',
      ['rerank', 'q', 'd', '--window', '0'],
      'Expected a whole number, at least 1, got "0"',
    ],
    [
      'a score above 1',
      ['rerank', 'q', 'd', '--min-score', '2'],
      'Expected a number, at least 0 and at most 1, got "2"',
    ],
    ['an unknown precision', ['rerank', 'q', 'd', '--precision', 'fp8'], 'Allowed choices are fp32, int8'],
    ['documents twice', ['rerank', 'q', 'd', '--documents', 'd.txt'], 'not both'],
    ['documents and a server', ['rerank', 'q', 'd', '--elasticsearch', 'http://127.0.0.1:1'], 'not both'],
    [
      'a file that is not there',
      ['rerank', 'q', '--documents', 'no/such.jsonl'],
      'Cannot read documents "no/such.jsonl": no such file',
    ],
    ['a server without index', ['rerank', 'q', '--opensearch', 'http://127.0.0.1:1'], '--index: required'],
    [
      'two servers',
      [
        'rerank',
        'q',
        '--opensearch',
        'http://a',
        '--elasticsearch',
        'http://b',
        '--index',
        'i',
        '--field',
        'f',
      ],
      'give one of',
    ],
    [
      'AWS for Elasticsearch',
      ['rerank', 'q', '--elasticsearch', 'http://a', '--aws-region', 'r', '--index', 'i', '--field', 'f'],
      '--aws-region: is for --opensearch only',
    ],
    [
      'half a login',
      ['rerank', 'q', '--elasticsearch', 'http://a', '--username', 'u', '--index', 'i', '--field', 'f'],
      'expected apiKey, or username and password, or bearer',
    ],
  ])('ends with 2 and says what to do for %s', async (_what, args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('lists every problem of a configuration file, and ends with 2', async () => {
    const path = await fileOf(
      'bad.yaml',
      "elasticsearch: { node: here, auth: { apiKey: '${NO_KEY}' } }\nindex: { name: a }\nstage: { topN: none }\nextra: 1\n",
    );
    const { code, stderr } = await runCli(['rerank', 'q', '--config', path]);
    expect(code).toBe(2);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(': ')[0]),
    ).toEqual(['elasticsearch.auth.apiKey', 'elasticsearch.node', 'index.textFields', 'stage.topN', 'extra']);
    expect(stderr).toContain('5 problems');
  });

  it('lists every document that is none', async () => {
    const path = await fileOf('bad.jsonl', '{"text":"a"}\nnonsense\n{"title":"no text"}\n{"text":3}\n');
    const { code, stderr } = await runCli(['rerank', 'q', '--documents', path]);
    expect(code).toBe(2);
    expect(stderr).toContain('line 2: not JSON');
    expect(stderr).toContain('line 3.text: expected text, required');
    expect(stderr).toContain('line 4.text: expected text, got 3');
  });

  it('tells a failure in one line, and where with --verbose', async () => {
    const args = ['rerank', 'q', 'd', '--model', folder];
    const short = await runCli(args);
    expect(short.code).toBe(1);
    expect(short.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(short.stderr).toMatch(/^blockrank: Cannot open model /);
    const long = await runCli([...args, '--verbose']);
    expect(long.code).toBe(1);
    expect(long.stderr).toMatch(/^\s+at /m);
  });

  it('writes no colours with --no-color or NO_COLOR, even where they are forced', async () => {
    const forced = await runCli(['rerank', 'q', '--documents', '-'], { env: { FORCE_COLOR: '1' } });
    expect(forced.stdout).toContain(escapeCharacter);
    const plain = await runCli(['rerank', 'q', '--documents', '-'], {
      env: { FORCE_COLOR: '1', NO_COLOR: '1' },
    });
    expect(plain.stdout).not.toContain(escapeCharacter);
    const flag = await runCli(['rerank', 'q', '--documents', '-', '--no-color'], {
      env: { FORCE_COLOR: '1' },
    });
    expect(flag.stdout).not.toContain(escapeCharacter);
  });

  it('is quiet when the reader goes away', async () => {
    const command = `"${process.execPath}" "${cliProgram()}" rerank --help | true; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', command], { cwd: new URL('../..', import.meta.url) });
    const texts: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
    child.stdout.on('data', (part) => (texts.stdout += part));
    child.stderr.on('data', (part) => (texts.stderr += part));
    await new Promise((resolve) => child.on('close', resolve));
    expect(texts).toEqual({ stdout: '0\n', stderr: '' });
  });
});
