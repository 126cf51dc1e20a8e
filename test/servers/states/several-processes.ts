/** Builds in processes of their own: side by side, and killed at any instant. */
import { expect, it } from 'vitest';
import type { ProxyHooks, SeenCall } from '../../support/doubles/killing-proxy.ts';
import { encodedIn, encodingLog, startStatesProgram } from '../../support/programs/states-program.ts';
import { isNewest, type ServerChoice } from '../../support/servers/start.ts';
import type { StatesServer } from '../../support/servers/states-server.ts';
import { type BuildReport, expectFresh } from './expect-fresh.ts';

const slowly = 1_200_000;
const batch = 8;
/** Slices that one process works on at once, by default. */
const workers = 2;

/** Ends the process at an instant; `nth` says at which call of its kind. */
type Instant = (kill: () => void, nth: number) => ProxyHooks;

const isBulk = ({ path }: SeenCall): boolean => path.startsWith('/_bulk');
const isCheckpoint = ({ method, path, body }: SeenCall): boolean =>
  method === 'PUT' && path.includes('/blockrank-states-runs/_doc/') && !body.includes('"seen":0');

function atNth(
  matches: (call: SeenCall) => boolean,
  nth: number,
  kill: () => void,
): (call: SeenCall) => boolean {
  let seen = 0;
  return (call) => {
    if (!matches(call)) return true;
    seen += 1;
    if (seen === nth) kill();
    return seen < nth;
  };
}

/** The states are written and acknowledged; the checkpoint never reaches the server. */
const beforeCheckpoint: Instant = (kill, nth) => ({ onCall: atNth(isCheckpoint, nth, kill) });
/** The states never reach the server. */
const beforeBulk: Instant = (kill, nth) => ({ onCall: atNth(isBulk, nth, kill) });
/** The states are written; nobody hears of it. */
const beforeAcknowledgement: Instant = (kill, nth) => ({ onAnswer: atNth(isBulk, nth, kill) });
/** The checkpoint is written; nobody hears of it. */
const afterCheckpoint: Instant = (kill, nth) => ({ onAnswer: atNth(isCheckpoint, nth, kill) });
/** Any instant, within a second of the first call of the run itself. */
const anyInstant: Instant = (kill) => {
  let isSet = false;
  return {
    onCall({ path }) {
      if (!isSet && path.startsWith('/_bulk')) setTimeout(kill, 600 * Math.random());
      isSet ||= path.startsWith('/_bulk');
      return true;
    },
  };
};

const instants: readonly Instant[] = [
  beforeCheckpoint,
  anyInstant,
  beforeAcknowledgement,
  beforeCheckpoint,
  beforeBulk,
  anyInstant,
  beforeCheckpoint,
  afterCheckpoint,
  beforeAcknowledgement,
  anyInstant,
];

/** Declares the tests. */
export function testSeveralProcesses(choice: ServerChoice, at: StatesServer): void {
  it('shares slices between processes: each document is encoded once', { timeout: slowly }, async () => {
    await at.cluster.seed('shared', { documents: 500, shards: 2 });
    const log = encodingLog();
    const more = [
      '--index',
      'shared',
      '--docs-per-second',
      '120',
      '--batch',
      '16',
      '--json',
      '--no-estimate',
    ];
    const runs = [1, 2].map(() => startStatesProgram('build', at.flags(at.server.url, ...more), log));
    const results = await Promise.all(runs.map(({ ended }) => ended));
    expect(results.map(({ stderr }) => stderr)).toEqual(['', '']);
    const reports = results.map(({ stdout }) => JSON.parse(stdout) as BuildReport);
    const written = reports.map(({ counts }) => counts!.written);
    expect(written[0]! + written[1]!).toBe(500);
    expect(Math.min(...written)).toBeGreaterThan(0);
    expect(encodedIn(log)).toHaveLength(500);
    expectFresh(await at.cluster.sidecarPairs('shared', at.generation));
  });

  it.each(['sidecar', 'field'] as const)(
    'misses nothing and writes nothing twice, killed at any instant (%s)',
    { timeout: slowly },
    async (to) => {
      const index = `killed-${to}`;
      await at.cluster.seed(index, { documents: 600, shards: 2 });
      const log = encodingLog();
      const args = [
        ...at.flags(at.proxy.url, '--index', index, '--to', to, '--json', '--no-estimate'),
        '--batch',
        String(batch),
      ];
      const changed = new Set<string>();
      const kills = isNewest(choice) ? instants : instants.slice(2, 6);
      for (const [round, instant] of kills.entries()) {
        const run = startStatesProgram('build', [...args, '--docs-per-second', '150'], log);
        at.proxy.use(instant(() => run.kill('SIGKILL'), 1 + (round % 3)));
        const { code } = await run.ended;
        expect(code, `round ${round} was to be killed`).toBeNull();
        at.proxy.use({});
        const id = `d${round * 57}`;
        await at.cluster.change(index, id, `changed in round ${round}`);
        changed.add(id);
      }
      const last = await startStatesProgram('build', args, log).ended;
      expect(last.stderr).toBe('');
      expect(last.code).toBe(0);
      const pairs =
        to === 'field'
          ? await at.cluster.fieldPairs(index)
          : await at.cluster.sidecarPairs(index, at.generation);
      expect(pairs).toHaveLength(600);
      expectFresh(pairs);
      const untouched = pairs.filter(({ id }) => !changed.has(id));
      expect(new Set(untouched.map(({ version }) => version))).toEqual(new Set([to === 'field' ? 2 : 1]));
      const encoded = encodedIn(log);
      const twice = encoded.length - new Set(encoded).size;
      console.log(
        `${choice.product} ${choice.version}, ${to}: ${encoded.length} encodings, ${twice} of them twice, after ${kills.length} kills.`,
      );
      expect(twice).toBeLessThanOrEqual(kills.length * workers * batch);
    },
  );
}
