import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { InferenceError } from '../../../engine/index.ts';
import { openProgram } from '../../../engine/session/open-program.ts';
import type { PooledProgram } from '../../../engine/session/pool.ts';
import { builtUrl } from '../../support/programs/built.ts';

type Task = {
  readonly do: 'echo' | 'sleep' | 'die' | 'die-once' | 'throw' | 'misuse' | 'unsendable';
  readonly ms?: number;
  readonly flag?: SharedArrayBuffer;
};

let pool: PooledProgram<Task, number> | undefined;
afterEach(() => pool?.close());

async function open(workers: number, refusal?: SharedArrayBuffer): Promise<PooledProgram<Task, number>> {
  const program = builtUrl('test/support/programs/pool-program.ts');
  const data = { answer: 40, refusal };
  pool = await openProgram<Task, number>({ program, data, executionProvider: 'cpu' }, workers);
  return pool;
}
const settled = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('openProgram', () => {
  it('opens the program with its data in every worker and answers tasks', async () => {
    const { run } = bound(await open(2));
    expect(await Promise.all([run({ do: 'echo' }), run({ do: 'echo' }), run({ do: 'echo' })])).toEqual([
      40, 40, 40,
    ]);
  });

  it('runs urgent tasks before waiting ones', async () => {
    const { run } = bound(await open(1));
    const order: string[] = [];
    const first = run({ do: 'sleep', ms: 50 });
    const late = run({ do: 'echo' }, { priority: 2 }).then(() => order.push('late'));
    const urgent = run({ do: 'echo' }, { priority: 0 }).then(() => order.push('urgent'));
    await Promise.all([first, late, urgent]);
    expect(order).toEqual(['urgent', 'late']);
  });

  it('takes an aborted task out of the queue and lets a running one end', async () => {
    const { run } = bound(await open(1));
    const abort = new AbortController();
    const running = run({ do: 'sleep', ms: 500 }, { signal: abort.signal });
    const waiting = run({ do: 'echo' }, { signal: abort.signal });
    await settled(10);
    abort.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');
    expect(await running).toBe(40);
  });

  it('replaces a worker that dies and tries its task once more', async () => {
    const { run } = bound(await open(1));
    const flag = new SharedArrayBuffer(4);
    expect(await run({ do: 'die-once', flag })).toBe(40);
  });

  it('gives up a task that kills its worker twice, and serves the next one', async () => {
    const { run } = bound(await open(1));
    await expect(run({ do: 'die' })).rejects.toThrow(InferenceError);
    expect(await run({ do: 'echo' })).toBe(40);
  });

  it('tells a failure of the runtime from a mistake of the caller', async () => {
    const { run } = bound(await open(1));
    await expect(run({ do: 'throw' })).rejects.toMatchObject({ code: 'inference', executionProvider: 'cpu' });
    await expect(run({ do: 'misuse' })).rejects.toThrow(TypeError);
  });

  it('says of a request that cannot be sent to a worker that the caller is at fault, and serves the next one', async () => {
    const { run } = bound(await open(1));
    const unsendable = { do: 'echo', callback: () => 40 } as Task;
    await expect(run(unsendable)).rejects.toThrow(TypeError);
    expect(await run({ do: 'echo' })).toBe(40);
  });

  it('says that an answer cannot be sent, and serves the next task', async () => {
    const { run } = bound(await open(1));
    await expect(run({ do: 'unsendable' })).rejects.toThrow(/could not be cloned/);
    expect(await run({ do: 'echo' })).toBe(40);
  });

  it('ends what waits when it is closed, lets what runs end, and refuses more', async () => {
    const opened = await open(1);
    const { run } = bound(opened);
    const running = run({ do: 'sleep', ms: 100 });
    const waiting = run({ do: 'echo' });
    const outcomes = Promise.allSettled([running, waiting]);
    await settled(20);
    await opened.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(run({ do: 'echo' })).rejects.toThrow(TypeError);
  });

  it('fails to open when the program does', async () => {
    const program = new URL(`file://${fileURLToPath(new URL('./no-such-program.ts', import.meta.url))}`);
    await expect(openProgram({ program, data: 0, executionProvider: 'cpu' }, 1)).rejects.toThrow(
      InferenceError,
    );
  });
});

describe('a pool whose program cannot be opened any more', () => {
  /** A pool, and a switch that keeps its program from being opened. */
  async function breakable(workers: number) {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    const opened = await open(workers, shared.buffer);
    const refuse = (isOn: boolean): void => {
      Atomics.store(shared, 0, Number(isOn));
    };
    return { opened, refuse, attempts: () => Atomics.load(shared, 1) };
  }

  it('refuses what waits and what comes while it has no worker, and says that it is not open', async () => {
    const { opened, refuse } = await breakable(1);
    expect(opened.isOpen).toBe(true);
    refuse(true);
    const running = opened.run({ do: 'die' });
    const waiting = opened.run({ do: 'echo' });
    const failure = { code: 'inference', message: expect.stringContaining('the model is gone') };
    await expect(running).rejects.toMatchObject(failure);
    await expect(waiting).rejects.toMatchObject(failure);
    expect(opened.isOpen).toBe(false);
    let isRefused = false;
    opened.run({ do: 'echo' }).catch(() => {
      isRefused = true;
    });
    await new Promise(setImmediate); // at once, not with the next attempt
    expect(isRefused).toBe(true);
  });

  it('opens its workers as soon as that is possible again, and serves', async () => {
    const { opened, refuse } = await breakable(2);
    refuse(true);
    await Promise.allSettled([opened.run({ do: 'die' }), opened.run({ do: 'die' })]);
    while (opened.isOpen) await settled(5); // each worker dies in its own time
    refuse(false);
    while (!opened.isOpen) await settled(5);
    expect(await opened.run({ do: 'echo' })).toBe(40);
  });

  it('gives the task of a worker that died to one that is left', async () => {
    const { opened, refuse } = await breakable(2);
    refuse(true);
    expect(await opened.run({ do: 'die-once', flag: new SharedArrayBuffer(4) })).toBe(40);
    expect(opened.isOpen).toBe(true);
  });

  it('is closed while it waits for the next attempt', async () => {
    const { opened, refuse, attempts } = await breakable(1);
    refuse(true);
    await expect(opened.run({ do: 'die' })).rejects.toThrow(InferenceError);
    await opened.close();
    const before = attempts();
    await settled(1500); // longer than the next attempt would wait, and a worker need to start
    expect(attempts()).toBe(before);
    expect(opened.isOpen).toBe(false);
    await expect(opened.run({ do: 'echo' })).rejects.toThrow(TypeError);
  });
});

/** `run` without its object, for short lines. */
function bound(opened: PooledProgram<Task, number>): { run: PooledProgram<Task, number>['run'] } {
  return { run: (task, options) => opened.run(task, options) };
}
