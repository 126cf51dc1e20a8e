import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { sidecarIndex, stateCalls, stateIngest } from '../../adapters/server.ts';
import type { CliRun } from '../support/programs/run-cli.ts';
import { encodedIn, encodingLog, startStatesProgram } from '../support/programs/states-program.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { isNewest, type ServerChoice } from '../support/servers/start.ts';
import { linesOf, type StoredPair } from '../support/servers/states-cluster.ts';
import { statesServer } from '../support/servers/states-server.ts';

const slowly = 1_200_000;

describeServers('%s, watching states', describeWatch);

function describeWatch(choice: ServerChoice): void {
  const at = statesServer(choice);
  const runs: CliRun[] = [];
  afterEach(() => {
    // Of a test that failed: another one's watch of the same index would work for it.
    for (const run of runs.splice(0)) run.kill('SIGKILL');
  });

  const start = (index: string, log: string, ...more: string[]): CliRun => {
    const own = ['--index', index, '--json', '--no-estimate', '--interval', '1', '--sweep', '1'];
    const run = startStatesProgram('watch', at.flags(at.proxy.url, ...own, ...more), log);
    runs.push(run);
    return run;
  };
  const sidecarOf = (index: string): string => sidecarIndex(index, at.generation);
  /** The states of an index's documents, once each fits. */
  const fresh = async (
    pairsOf: () => Promise<readonly StoredPair[]>,
    documents: number,
  ): Promise<readonly StoredPair[]> => {
    for (;;) {
      const pairs = await pairsOf();
      const isFresh = pairs.every(({ expected, stored }) => stored === expected);
      if (isFresh && pairs.length === documents) return pairs;
      await sleep(300);
    }
  };
  const interrupted = async (run: CliRun): Promise<readonly Round[]> => {
    await run.printed(/./);
    run.kill('SIGINT');
    const { code, stdout, stderr } = await run.ended;
    expect(stderr).toBe('');
    expect(code).toBe(130);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Round);
  };

  it('keeps new, changed and deleted documents fresh, and leaves the rest in peace', {
    timeout: slowly,
  }, async () => {
    await at.cluster.seed('books', { documents: 120, shards: 2 });
    const log = encodingLog();
    const run = start('books', log);
    const pairs = () => at.cluster.sidecarPairs('books', at.generation);
    await fresh(pairs, 120);
    await at.cluster.change('books', 'd7', 'other words');
    await at.cluster.ask('POST', '/books/_bulk', linesOf([900, 901], 'index'));
    await at.cluster.ask('DELETE', '/books/_doc/d8');
    await fresh(pairs, 121);
    await until(async () => (await at.cluster.ids(sidecarOf('books'))).length === 121);
    await quiet(run);
    const rounds = await interrupted(run);
    expect(sum(rounds, 'seen')).toBe(123);
    expect(sum(rounds, 'written')).toBe(123);
    expect(sum(rounds, 'orphans')).toBe(1);
    expect(encodedIn(log)).toHaveLength(123);
    expect(await at.cluster.ids(sidecarOf('books'))).not.toContain('d8');
  });

  it('goes on where it was ended, whatever was written meanwhile', { timeout: slowly }, async () => {
    await at.cluster.change('books', 'd9', 'changed while nobody watched');
    const log = encodingLog();
    const run = start('books', log);
    await fresh(() => at.cluster.sidecarPairs('books', at.generation), 121);
    const rounds = await interrupted(run);
    expect(sum(rounds, 'seen')).toBe(1);
    expect(encodedIn(log)).toHaveLength(1);
  });

  it('writes states into the documents once, though each write is a change that it sees', {
    timeout: slowly,
  }, async () => {
    await at.cluster.seed('pages', { documents: 60, shards: 2 });
    const run = start('pages', encodingLog(), '--to', 'field');
    await fresh(() => at.cluster.fieldPairs('pages'), 60);
    await at.cluster.change('pages', 'd3', 'other words');
    await fresh(() => at.cluster.fieldPairs('pages'), 60);
    // The next build sees the own writes of the last one.
    await quiet(run);
    await quiet(run);
    const before = await at.cluster.fieldPairs('pages');
    await quiet(run);
    expect(await at.cluster.fieldPairs('pages')).toEqual(before);
    const rounds = await interrupted(run);
    expect(rounds.at(-1)).toMatchObject({ counts: { seen: 0 } });
    expect(sum(rounds, 'written')).toBe(61);
    expect(sum(rounds, 'seen')).toBeLessThanOrEqual(122);
    expect(new Set(before.map(({ version }) => version))).toEqual(new Set([2, 4]));
  });

  it('misses no write of many that come at once', { timeout: slowly }, async () => {
    await at.cluster.seed('busy', { documents: 10, shards: 2 });
    const run = start('busy', encodingLog());
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let i = 0; i < 25; i += 1) {
        const ids = Array.from({ length: 4 }, (_, k) => 1000 + 100 * writer + 4 * i + k);
        await at.cluster.ask('POST', '/busy/_bulk', linesOf(ids, 'index'));
        await at.cluster.change('busy', `d${1000 + 100 * writer}`, `change ${i}`);
      }
    });
    await Promise.all(writers);
    await fresh(() => at.cluster.sidecarPairs('busy', at.generation), 610);
    await interrupted(run);
  });

  it('follows a data stream over a rollover, and an alias to which an index is added', {
    timeout: slowly,
  }, async () => {
    const template = {
      index_patterns: ['watched*'],
      data_stream: {},
      template: { settings: { number_of_replicas: 0 } },
    };
    await at.cluster.ask('PUT', '/_index_template/watched', template);
    await at.cluster.ask('POST', '/watched/_bulk?refresh=true', linesOf(range(20), 'create'));
    const run = start('watched', encodingLog());
    const backing = async (): Promise<string[]> =>
      Object.keys(await at.cluster.ask('GET', '/watched/_settings'));
    const [first] = await backing();
    await fresh(() => at.cluster.sidecarPairs(first!, at.generation), 20);
    await at.cluster.ask('POST', '/watched/_rollover');
    await at.cluster.ask('POST', '/watched/_bulk?refresh=true', linesOf(range(15), 'create'));
    const second = (await backing()).find((name) => name !== first)!;
    await fresh(() => at.cluster.sidecarPairs(second, at.generation), 15);
    await at.cluster.ask('DELETE', `/${first}`);
    await until(async () => (await at.cluster.ids(sidecarOf(first!))).length === 0);
    const rounds = await interrupted(run);
    expect(rounds.map(({ indices }) => indices)).toEqual(expect.arrayContaining([1, 2]));
  });

  it('leaves out an index that is closed, until it is open again', { timeout: slowly }, async () => {
    for (const [i, index] of ['shelf-1', 'shelf-2'].entries()) {
      await at.cluster.seed(index, { documents: 10, first: 10 * i });
      await at.cluster.ask('POST', '/_aliases', { actions: [{ add: { index, alias: 'shelf' } }] });
    }
    await at.cluster.ask('POST', '/shelf-2/_close');
    const run = start('shelf', encodingLog());
    await fresh(() => at.cluster.sidecarPairs('shelf-1', at.generation), 10);
    await at.cluster.ask('POST', '/shelf-2/_open');
    await fresh(() => at.cluster.sidecarPairs('shelf-2', at.generation), 10);
    expect((await interrupted(run))[0]).toMatchObject({ indices: 1 });
  });

  it('sees an index that is deleted and made anew', { timeout: slowly }, async () => {
    await at.cluster.seed('phoenix', { documents: 40 });
    const run = start('phoenix', encodingLog());
    await fresh(() => at.cluster.sidecarPairs('phoenix', at.generation), 40);
    await at.cluster.seed('phoenix', { documents: 12, first: 7 });
    await at.cluster.change('phoenix', 'd9', 'risen');
    await fresh(() => at.cluster.sidecarPairs('phoenix', at.generation), 12);
    await until(async () => (await at.cluster.ids(sidecarOf('phoenix'))).length === 12);
    await interrupted(run);
  });

  it('shares the work with another watch: each document is encoded once', { timeout: slowly }, async () => {
    await at.cluster.seed('shared', { documents: 300, shards: 2 });
    const log = encodingLog();
    const runs = [start('shared', log, '--batch', '16'), start('shared', log, '--batch', '16')];
    await fresh(() => at.cluster.sidecarPairs('shared', at.generation), 300);
    await at.cluster.ask('POST', '/shared/_bulk', linesOf(range(200, 1000), 'index'));
    await fresh(() => at.cluster.sidecarPairs('shared', at.generation), 500);
    await Promise.all(runs.map(interrupted));
    const encoded = encodedIn(log);
    expect([encoded.length, new Set(encoded).size]).toEqual([500, 500]);
  });

  it('waits while the server is away, and says so once', { timeout: slowly }, async () => {
    await at.cluster.seed('away', { documents: 20 });
    const run = start('away', encodingLog());
    await fresh(() => at.cluster.sidecarPairs('away', at.generation), 20);
    at.proxy.use({ onCall: () => false });
    await run.printed(/the server is away/);
    await at.cluster.change('away', 'd3', 'while it was away');
    at.proxy.use({});
    await fresh(() => at.cluster.sidecarPairs('away', at.generation), 20);
    run.kill('SIGTERM');
    const { code, stderr } = await run.ended;
    expect(stderr).toMatch(
      /^blockrank: the server is away \(.*\); waiting until it is back\.\nblockrank: the server is back\.\n$/,
    );
    expect(code).toBe(0);
  });

  it.each(['sidecar', 'field'] as const)(
    'misses nothing and writes nothing twice, killed at any instant (%s)',
    { timeout: slowly },
    async (to) => {
      const index = `killed-${to}`;
      await at.cluster.seed(index, { documents: 200, shards: 2 });
      const log = encodingLog();
      const kills = isNewest(choice) ? 5 : 2;
      const changes = new Map<string, number>();
      const pairs = () =>
        to === 'field' ? at.cluster.fieldPairs(index) : at.cluster.sidecarPairs(index, at.generation);
      for (let round = 0; round < kills; round += 1) {
        const run = start(index, log, '--to', to, '--batch', '8', '--docs-per-second', '100');
        let isSeen = false;
        // From the first call on: while the first build is under way, at a checkpoint, and between builds.
        at.proxy.use({
          onCall() {
            if (!isSeen) setTimeout(() => run.kill('SIGKILL'), 4000 * Math.random());
            isSeen = true;
            return true;
          },
        });
        for (let i = 0; i < 3; i += 1) {
          const id = `d${(round * 31 + i * 7) % 200}`;
          await at.cluster.change(index, id, `changed in round ${round}.${i}`);
          changes.set(id, (changes.get(id) ?? 0) + 1);
          await sleep(300);
        }
        expect((await run.ended).code, `round ${round} was to be killed`).toBeNull();
        at.proxy.use({});
      }
      const last = start(index, log, '--to', to, '--batch', '8');
      const found = await fresh(pairs, 200);
      await interrupted(last);
      const untouched = found.filter(({ id }) => !changes.has(id));
      expect(new Set(untouched.map(({ version }) => version))).toEqual(new Set([to === 'field' ? 2 : 1]));
      const encoded = encodedIn(log);
      const twice = encoded.length - new Set(encoded).size;
      console.log(
        `${choice.product} ${choice.version}, watch, ${to}: ${encoded.length} encodings, ${twice} of them twice, after ${kills} kills.`,
      );
      expect(twice).toBeLessThanOrEqual(kills * 2 * 8);
    },
  );

  it('finds nothing to do where documents are written together with their states', {
    timeout: slowly,
  }, async () => {
    await at.cluster.seed('ingested', { documents: 5 });
    const place = { kind: 'sidecar', generation: at.generation } as const;
    const ingest = stateIngest({ maker: at.maker, place, fields: ['title', 'body'] });
    await ingest.prepare(stateCalls(at.client, choice.product), 'ingested');
    const log = encodingLog();
    const run = start('ingested', log);
    const pairs = () => at.cluster.sidecarPairs('ingested', at.generation);
    await fresh(pairs, 5);
    const { operations, ownItems, states } = await ingest.bulk(linesOf(range(30, 100), 'index'), {
      index: 'ingested',
    });
    const answer = await at.cluster.ask('POST', '/ingested/_bulk', `${operations.join('\n')}\n`);
    expect(ownItems(answer)).toMatchObject({ errors: false, items: { length: 30 } });
    expect(states).toBe(30);
    await fresh(pairs, 35);
    const gone = await ingest.bulk([{ delete: { _index: 'ingested', _id: 'd100' } }]);
    await at.cluster.ask(
      'POST',
      '/_bulk',
      `${gone.operations.map((line) => JSON.stringify(line)).join('\n')}\n`,
    );
    await quiet(run);
    expect(await at.cluster.ids(sidecarOf('ingested'))).toHaveLength(34);
    const rounds = await interrupted(run);
    expect(sum(rounds, 'written')).toBe(5);
    expect(encodedIn(log)).toHaveLength(5);
  });

  it('takes what the bulk helper of the client writes', { timeout: slowly }, async () => {
    await at.cluster.seed('helped', { documents: 1 });
    for (const place of [{ kind: 'sidecar', generation: at.generation }, { kind: 'field' }] as const) {
      const ingest = stateIngest({ maker: at.maker, place, fields: ['title', 'body'], batch: 16 });
      await ingest.prepare(stateCalls(at.client, choice.product), 'helped');
      const books = range(50, 200).map((i) => ({ title: `Title ${i}`, body: `Of ${i} birds`, views: i }));
      const { failed } = await (at.client as unknown as HelperOwner).helpers.bulk(
        ingest.documents(books, ({ views }) => ({ index: { _index: 'helped', _id: `d${views}` } })),
      );
      expect(failed).toBe(0);
      const pairs =
        place.kind === 'field'
          ? await at.cluster.fieldPairs('helped')
          : await at.cluster.sidecarPairs('helped', at.generation);
      const stale = pairs.filter(({ expected, stored }) => stored !== expected).map(({ id }) => id);
      expect([pairs.length, stale]).toEqual([51, ['d0']]);
    }
  });
}

interface Round {
  readonly indices: number;
  readonly counts: Readonly<Record<'seen' | 'written' | 'orphans', number>>;
}

interface HelperOwner {
  readonly helpers: { bulk(options: object): Promise<{ readonly failed: number }> };
}

function sum(rounds: readonly Round[], name: keyof Round['counts']): number {
  return rounds.reduce((total, { counts }) => total + counts[name], 0);
}

/** Waits for the end of a build that began after now. */
async function quiet(run: CliRun): Promise<void> {
  const ended = run.output.stdout.split('\n').length - 1;
  await run.printed(new RegExp(`"build":${ended + 2},`));
}

function range(length: number, first = 0): readonly number[] {
  return Array.from({ length }, (_, i) => first + i);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(300);
}
