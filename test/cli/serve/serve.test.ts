import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CliRun, runCli, startCli } from '../../support/programs/run-cli.ts';
import { postJson } from '../../support/servers/test-service.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let model: string;
let folder: string;
beforeAll(async () => {
  model = await tinyModel();
  folder = await mkdtemp(join(tmpdir(), 'blockrank-serve-'));
});
afterAll(() => Promise.all([model, folder].map((path) => rm(path, { recursive: true }))));

let program: CliRun | undefined;
afterEach(() => program?.kill('SIGKILL'));

function start(config: string): CliRun {
  program = startCli(['serve', '--config', config], { env: { TENANT_KEY: 'k'.repeat(16) } });
  return program;
}

interface Running extends CliRun {
  readonly url: string;
  /** Every log line so far. */
  lines(): readonly LogLine[];
  /** The next line with this message. */
  logged(message: string): Promise<LogLine>;
}

type LogLine = Readonly<Record<string, unknown>>;

/** Starts the real program and waits until it is ready. */
async function serve(config: string): Promise<Running> {
  const run = start(config);
  const lines = (): readonly LogLine[] =>
    run.output.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  let seen = 0;
  const logged = async (message: string): Promise<LogLine> => {
    const next = (): number => lines().findIndex((line, i) => i >= seen && line['msg'] === message);
    await run.until(() => next() !== -1);
    const at = next();
    if (at === -1) throw new Error(`ended without "${message}"`);
    seen = at + 1;
    return lines()[at]!;
  };
  const { url } = await logged('ready');
  return { ...run, url: String(url), lines, logged };
}

async function write(path: string, service: object, reranker: object = {}): Promise<void> {
  const whole = {
    reranker: { model, workers: 1, warmUp: false, ...reranker },
    service: { port: 0, ...service },
  };
  await writeFile(`${path}.new`, JSON.stringify(whole));
  await rename(`${path}.new`, path); // as editors and mounted volumes do
}

const ask = { query: 'stars', documents: ['the astronomer', 'a stew'] };

describe('blockrank serve', () => {
  it('answers, takes a changed file and SIGHUP, keeps what it has when the file is bad, and ends on SIGTERM', async () => {
    const file = join(folder, 'blockrank.config.yaml');
    await write(file, {});
    const { url, logged, ended, kill } = await serve(file);
    expect((await postJson(`${url}/v1/rerank`, ask)).status).toBe(200);

    await write(file, { keys: [{ tenant: 'shop', key: '${TENANT_KEY}' }] });
    await logged('configuration taken');
    expect((await postJson(`${url}/v1/rerank`, ask)).status).toBe(401);
    const key = { 'x-api-key': 'k'.repeat(16) };
    expect((await postJson(`${url}/v1/rerank`, ask, key)).status).toBe(200);

    await write(file, { maxDocuments: 'many' });
    const refused = await logged('configuration refused; the one before stays in use');
    expect(refused['reason']).toContain('service.maxDocuments: expected a number, got "many"');
    expect((await postJson(`${url}/v1/rerank`, ask, key)).status).toBe(200);

    await write(file, { maxDocuments: 1 });
    kill('SIGHUP');
    await logged('configuration taken');
    expect((await postJson(`${url}/v1/rerank`, ask)).status).toBe(400);
    const page = await (await fetch(`${url}/metrics`)).text();
    expect(page).toMatch(/config_reloads_total\{result="refused"\} 1/);
    expect(page).toMatch(/config_reloads_total\{result="ok"\} [23]/); // the file's change may be seen beside SIGHUP

    kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('takes its configuration anew on SIGHUP and on a change, each by itself, and says what needs a restart', async () => {
    const file = join(folder, 'each.yaml');
    await write(file, {});
    const { logged, lines, kill } = await serve(file);
    kill('SIGHUP'); // the file is as it was
    await logged('configuration taken');
    await write(file, { host: 'localhost', drainMs: 5 });
    await logged('configuration taken');
    expect(await logged('these settings need a restart')).toMatchObject({ settings: ['host', 'drainMs'] });
    const { atime, mtime } = await stat(file);
    await write(`${file}.other`, { drainMs: 6 });
    await utimes(`${file}.other`, atime, mtime); // another file, as old as this one
    await rename(`${file}.other`, file);
    await logged('configuration taken');
    expect(lines().filter(({ msg }) => msg === 'configuration taken')).toHaveLength(3);
  });

  it('answers what it has in hand before it ends', async () => {
    const file = join(folder, 'draining.yaml');
    await write(file, { cache: false }, { stateCacheBytes: 0 });
    const { url, ended, kill } = await serve(file);
    const many = Array.from({ length: 40 }, (_, i) => ({
      query: 'stars',
      documents: Array.from({ length: 50 }, (_, j) => `document ${i} ${j} about the stars and a stew`),
    }));
    const answers = many.map((body) => postJson(`${url}/v1/rerank`, body));
    while (!/requests_total.* [1-9]/.test(await (await fetch(`${url}/metrics`)).text()));
    kill('SIGTERM');
    const statuses = (await Promise.allSettled(answers)).map((answer) =>
      answer.status === 'fulfilled' ? answer.value.status : String(answer.reason),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('ends when it is told to while its models are still being opened', async () => {
    const file = join(folder, 'early.yaml');
    await write(file, {});
    const { printed, kill, ended } = start(file);
    await printed(/./); // it listens, and opens its models
    kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it.each(['SIGHUP', 'a change of the file'])(
    'takes %s that comes while its models are being opened',
    async (what) => {
      const file = join(folder, 'soon.yaml');
      await write(file, {});
      const { printed, kill, output } = start(file);
      await printed(/./); // it listens, and opens its models
      if (what === 'SIGHUP') kill('SIGHUP');
      else await write(file, { maxDocuments: 1 });
      await printed(/configuration taken/);
      expect(output.stdout).toContain('configuration taken');
    },
  );

  it('does not start with a configuration that cannot be, and says why', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'service: { port: 99999, keys: [{ tenant: "a b", key: short }], models: {} }');
    const { code, stderr } = await runCli(['serve', '--config', file]);
    expect(code).toBe(2);
    for (const path of ['service.port', 'service.keys[0].tenant', 'service.keys[0].key', 'service.models']) {
      expect(stderr).toContain(path);
    }
    expect(stderr).not.toContain('short');
  });
});

describe('blockrank key', () => {
  it('prints a new key and the hash that the configuration takes', async () => {
    const { stdout } = await runCli(['key']);
    const [key, hash] = stdout.trim().split('\n');
    expect(key!.length).toBeGreaterThanOrEqual(40);
    const again = await runCli(['key', '--stdin'], { stdin: `${key}\n` });
    expect(again.stdout.trim()).toBe(hash);
    expect(hash).toBe(createHash('sha256').update(key!).digest('hex'));
  });
});
