import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildStates,
  type WatchedBuild,
  type WatchOptions,
  watchStates,
} from '../../../../adapters/server.ts';
import {
  type DoubleCall,
  type StatesDouble,
  startStatesDouble,
} from '../../../support/doubles/states-double.ts';
import { buildOver, fill, quickMaker, sidecar, unfresh } from '../../../support/doubles/states-fixture.ts';

let double: StatesDouble;
let watches: Watching[];
beforeEach(async () => {
  double = await startStatesDouble();
  watches = [];
});
afterEach(async () => {
  await Promise.all(watches.map((watch) => watch.stop()));
  await double.close();
});

interface Watching {
  readonly builds: readonly WatchedBuild[];
  readonly ended: Promise<void>;
  /** Waits until something holds, and for one more build. */
  until(holds: () => boolean): Promise<void>;
  /** Waits until so many builds have found nothing. */
  quiet(builds?: number): Promise<void>;
  stop(): Promise<void>;
}

function watch(more: Partial<WatchOptions> = {}): Watching {
  const ending = new AbortController();
  const builds: WatchedBuild[] = [];
  const ended = watchStates({
    ...buildOver(double),
    intervalMs: 5,
    sweepEveryMs: 0,
    signal: ending.signal,
    onBuild: (built) => builds.push(built),
    ...more,
  });
  ended.catch(() => undefined);
  const wait = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; !holds(); i += 1) {
      if (i > 4000) throw new Error(`waited in vain; builds: ${JSON.stringify(builds.slice(-3))}`);
      await sleep(5);
    }
  };
  const next = (count: number): Promise<void> => {
    const from = builds.length;
    return wait(() => builds.length >= from + count);
  };
  const watching = {
    builds,
    ended,
    async until(holds: () => boolean) {
      await wait(holds);
      await next(1);
    },
    quiet: (count = 2) =>
      wait(
        () =>
          builds.length >= count &&
          builds.slice(-count).every(({ counts }) => Object.values(counts).every((each) => each === 0)),
      ),
    async stop() {
      ending.abort(new DOMException('Interrupted.', 'AbortError'));
      await ended.catch(() => undefined);
    },
  };
  watches.push(watching);
  return watching;
}

const total = (builds: readonly WatchedBuild[], name: keyof WatchedBuild['counts']): number =>
  builds.reduce((sum, { counts }) => sum + counts[name], 0);
const isBulk = ({ path }: DoubleCall): boolean => path.startsWith('/_bulk');
const refusal = (status: number, type: string) => ({
  status,
  body: { error: { type, reason: `a ${type}` } },
});

describe('watchStates', () => {
  it('builds everything first, and then looks at nothing but what was written since', async () => {
    fill(double, 25);
    const maker = quickMaker();
    const watching = watch({ maker });
    await watching.quiet();
    expect(watching.builds[0]).toMatchObject({
      build: 1,
      isWhole: true,
      indices: 1,
      counts: { written: 25 },
    });
    double.write('docs', 'new', { title: 'new', body: 'words' });
    double.write('docs', 'd3', { title: 'other', body: 'words' });
    await watching.until(() => unfresh(double).length === 0);
    await watching.quiet();
    expect(maker.encoded).toHaveLength(27);
    expect(total(watching.builds, 'seen')).toBe(27);
    expect(watching.builds.slice(1).some(({ isWhole }) => isWhole)).toBe(false);
    expect(double.openPits()).toBe(0);
  });

  it('leaves a server in peace that nobody wrote to', async () => {
    fill(double, 5);
    const watching = watch();
    await watching.quiet();
    const before = double.calls.length;
    const builds = watching.builds.length;
    await watching.until(() => watching.builds.length > builds + 3);
    const since = double.calls.slice(before).filter(({ method }) => method !== 'GET');
    expect(new Set(since.map(({ path }) => path))).toEqual(new Set(['/_mget']));
  });

  it('waits for a write that has a lower number than what can be seen already', async () => {
    fill(double, 5);
    const watching = watch();
    await watching.quiet();
    const land = double.begin('docs', 'late', { title: 'late', body: 'words' });
    double.write('docs', 'early', { title: 'early', body: 'words' });
    const builds = watching.builds.length;
    await watching.until(() => watching.builds.length > builds + 3);
    land();
    await watching.until(() => unfresh(double).length === 0);
  });

  it('looks at its own writes into the documents once more, and writes them never again', async () => {
    fill(double, 30);
    const watching = watch({ place: { kind: 'field' } });
    await watching.until(() => total(watching.builds, 'seen') === 60);
    await watching.quiet(3);
    double.write('docs', 'd3', { title: 'other', body: 'words' });
    await watching.until(() => total(watching.builds, 'written') === 31);
    await watching.quiet(3);
    expect(total(watching.builds, 'seen')).toBe(62);
    expect(
      [...double.documents('docs').values()]
        .map(({ version }) => version)
        .sort()
        .slice(-2),
    ).toEqual([2, 4]);
  });

  it('goes on where it was ended', async () => {
    fill(double, 25);
    await watch().quiet();
    await watches[0]!.stop();
    double.write('docs', 'new', { title: 'new', body: 'words' });
    const second = watch({ owner: 'elsewhere:1:b' });
    await second.until(() => unfresh(double).length === 0);
    await second.quiet();
    expect(total(second.builds, 'seen')).toBe(1);
  });

  it('takes over what a dead one had in hand', async () => {
    fill(double, 40);
    let refused = 0;
    double.fault = (call) => {
      if (!isBulk(call) || double.documents(sidecar).size < 20) return undefined;
      refused += 1;
      return 'away';
    };
    const patience = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1 };
    const first = watch({ owner: 'dead:1:a', patience, heartbeat: { everyMs: 1e6 } });
    while (refused === 0) await sleep(5);
    // As if it were killed: nothing that it sends arrives any more.
    void first.stop();
    const maker = quickMaker();
    double.fault = undefined;
    const second = watch({ maker, owner: 'alive:1:b', isDead: (owner) => owner.startsWith('dead') });
    await second.until(() => unfresh(double).length === 0);
    expect([...double.documents(sidecar).values()].map(({ version }) => version)).toEqual(
      new Array(40).fill(1),
    );
  });

  it('shares a build with others: each document is encoded once', async () => {
    fill(double, 300);
    const makers = [quickMaker(), quickMaker()];
    const pair = makers.map((maker, i) => watch({ maker, slices: 8, owner: `machine:${i}:a` }));
    await Promise.all(pair.map((each) => each.quiet()));
    for (let i = 0; i < 200; i += 1) double.write('docs', `n${i}`, { title: `n${i}`, body: 'new' });
    await pair[0]!.until(() => unfresh(double).length === 0);
    await Promise.all(pair.map((each) => each.quiet()));
    const encoded = makers.flatMap(({ encoded }) => encoded);
    expect([encoded.length, new Set(encoded).size]).toEqual([500, 500]);
  });

  it('helps with a build, which looks at everything though a watch was going on', async () => {
    fill(double, 20);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isHeld = false;
    const maker = quickMaker();
    const watching = watch({
      maker: {
        ...maker,
        async encode(texts) {
          if (texts.includes('new words')) {
            isHeld = true;
            await held;
          }
          return maker.encode(texts);
        },
      },
    });
    await watching.quiet();
    // Somebody lost a state, which no write to the documents tells.
    double.remove(sidecar, 'd7');
    double.write('docs', 'new', { title: 'new', body: 'words' });
    while (!isHeld) await sleep(5);
    const build = buildStates(buildOver(double, { owner: 'builder:1:a' }));
    await sleep(50);
    release();
    expect(await build).toMatchObject({ isDone: true });
    expect(unfresh(double)).toEqual([]);
  });

  it('takes up indices that are added to an alias, drops those that are gone, and sees one that was made anew', async () => {
    fill(double, 10);
    double.alias('all', 'docs', 'docs-2');
    const watching = watch({ index: 'all' });
    await watching.quiet();
    double.write('docs-2', 'x1', { title: 'x', body: 'y' });
    const second = 'docs-2-blockrank-states-g';
    await watching.until(() => double.documents(second).size === 1);
    expect(watching.builds.at(-1)!.indices).toBe(2);
    double.delete('docs-2');
    await watching.until(() => double.documents(second).size === 0);
    expect(watching.builds.at(-1)!.indices).toBe(1);
    double.delete('docs');
    double.write('docs', 'd1', { title: 'again', body: 'words' });
    await watching.until(() => unfresh(double).length === 0);
    await watching.until(() => double.documents(sidecar).size === 1);
  });

  it('goes on when its index is deleted and comes back', async () => {
    fill(double, 3);
    const watching = watch();
    await watching.quiet();
    double.delete('docs');
    await watching.until(() => watching.builds.at(-1)!.indices === 0);
    fill(double, 4);
    await watching.until(() => double.documents(sidecar).size === 4 && unfresh(double).length === 0);
  });

  it('makes the index of states again, and fills it, when somebody deleted it', async () => {
    fill(double, 5);
    const watching = watch();
    await watching.quiet();
    double.delete(sidecar);
    await watching.until(() => double.documents(sidecar).size === 5);
    expect(double.mapping(sidecar).state.type).toBe('binary');
  });

  it('looks at everything again when an index was taken back to an older copy', async () => {
    fill(double, 30);
    const watching = watch({ place: { kind: 'field' } });
    await watching.quiet();
    double.restore('docs', { d1: { title: 'old', body: 'words' } });
    await watching.until(() => double.documents('docs').get('d1')!.source.blockrank_state !== undefined);
  });

  it('removes the states of deleted documents, also when as many are new', async () => {
    fill(double, 10);
    const watching = watch();
    await watching.quiet();
    double.remove('docs', 'd3');
    await watching.until(() => double.documents(sidecar).size === 9);
    double.remove('docs', 'd4');
    double.write('docs', 'new', { title: 'new', body: 'words' });
    await watching.until(() => !double.documents(sidecar).has('d4') && double.documents(sidecar).has('new'));
    expect(total(watching.builds, 'orphans')).toBe(2);
    expect(unfresh(double)).toEqual([]);
  });

  it('looks for such states no more often than it is told to', async () => {
    fill(double, 10);
    const watching = watch({ sweepEveryMs: 60_000 });
    await watching.quiet();
    double.remove('docs', 'd3');
    await watching.until(() => watching.builds.length > 10);
    expect(double.documents(sidecar).size).toBe(10);
  });

  it('says once that the server is away, waits, and says that it is back', async () => {
    fill(double, 20);
    const said: string[] = [];
    const watching = watch({
      patience: { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 5 },
      onAway: (reason) => said.push(`away: ${reason}`),
      onBack: () => said.push('back'),
    });
    await watching.quiet();
    double.fault = () => 'away';
    while (said.length === 0) await sleep(5);
    double.fault = undefined;
    double.write('docs', 'new', { title: 'new', body: 'words' });
    await watching.until(() => unfresh(double).length === 0);
    expect(said).toEqual([expect.stringMatching(/^away: .*(GET|POST|PUT) \//), 'back']);
  });

  it('is away in the middle of the first build too, and nothing is lost or written twice', async () => {
    fill(double, 60);
    const watching = watch({ patience: { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 5 } });
    let refused = 0;
    double.fault = () => {
      if (double.documents(sidecar).size < 30) return undefined;
      refused += 1;
      return 'away';
    };
    while (refused < 10) await sleep(5);
    double.fault = undefined;
    await watching.until(() => unfresh(double).length === 0);
    expect([...double.documents(sidecar).values()].every(({ version }) => version === 1)).toBe(true);
    // What was done before the server went is told too, with the build that came to its end.
    expect(watching.builds[0]).toMatchObject({ build: 1, counts: { seen: 60 } });
  });

  it('tells what the server refuses, and goes on with the rest', async () => {
    fill(double, 5);
    const watching = watch();
    await watching.quiet();
    double.itemFault = (id) => (id === 'bad' ? refusal(403, 'cluster_block_exception') : undefined);
    double.write('docs', 'bad', { title: 'bad', body: 'words' });
    await watching.until(() => total(watching.builds, 'failed') === 1);
    expect(watching.builds.find(({ failure }) => failure)!.failure).toContain('cluster_block_exception');
    double.write('docs', 'good', { title: 'good', body: 'words' });
    await watching.until(() => double.documents(sidecar).has('good'));
  });

  it('waits for a server that is busy', async () => {
    fill(double, 5);
    const watching = watch();
    await watching.quiet();
    let refusals = 0;
    double.fault = (call) => {
      if (!isBulk(call) || refusals >= 30) return undefined;
      refusals += 1;
      return refusal(429, 'es_rejected_execution_exception');
    };
    double.write('docs', 'new', { title: 'new', body: 'words' });
    await watching.until(() => unfresh(double).length === 0);
    expect(refusals).toBe(30);
  });

  it('fails at once for a name that is none, and for a server that cannot be reached', async () => {
    await expect(watch({ index: 'nothing' }).ended).rejects.toThrow(/Check the name of the index/);
    await expect(watch({ index: 'nothing*' }).ended).rejects.toThrow('"nothing*" names no index');
    double.fault = () => 'away';
    const patience = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1 };
    await expect(watch({ patience }).ended).rejects.toMatchObject({ name: 'FirstStageError' });
  });
});
