import { afterEach, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  InferenceError,
  openWorkerPool,
  type WorkerPool,
} from '../../../engine/index.ts';
import { openProgram } from '../../../engine/session/open-program.ts';
import type { PooledProgram } from '../../../engine/session/pool.ts';
import { builtUrl } from '../../support/programs/built.ts';

interface Task {
  readonly do: 'echo' | 'sleep' | 'die' | 'die-once';
  readonly ms?: number;
  readonly flag?: SharedArrayBuffer;
}

const module = builtUrl('test/support/programs/pool-program.ts');
const settled = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const opened: WorkerPool[] = [];
afterEach(() => Promise.all(opened.splice(0).map((pool) => pool.close())));
function poolOf(workers: number): WorkerPool {
  const pool = openWorkerPool({ workers });
  opened.push(pool);
  return pool;
}

/** A program that answers its own number, and what is known of it. */
async function programOn(pool: WorkerPool, answer: number) {
  const closings = new Int32Array(new SharedArrayBuffer(4));
  const refusal = new Int32Array(new SharedArrayBuffer(8));
  const options = {
    program: module,
    data: { answer, closings: closings.buffer, refusal: refusal.buffer },
    executionProvider: 'cpu',
  };
  const program: PooledProgram<Task, number> = await openProgram(options, pool);
  return {
    program,
    run: program.run,
    closings: () => Atomics.load(closings, 0),
    refuse: (isOn: boolean) => {
      Atomics.store(refusal, 0, Number(isOn));
    },
    attempts: () => Atomics.load(refusal, 1),
  };
}

describe('openWorkerPool', () => {
  it('runs the tasks of several programs on the same workers', async () => {
    const pool = poolOf(2);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    expect(
      await Promise.all([one.run({ do: 'echo' }), two.run({ do: 'echo' }), one.run({ do: 'echo' })]),
    ).toEqual([1, 2, 1]);
    expect([pool.size, one.program.size, two.program.size]).toEqual([2, 2, 2]);
  });

  it('takes tasks by priority and age, whichever program they are for', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    const order: string[] = [];
    const first = one.run({ do: 'sleep', ms: 50 });
    const rest = [
      one.run({ do: 'echo' }, { priority: 1 }).then(() => order.push('late')),
      two.run({ do: 'echo' }).then(() => order.push('two')),
      one.run({ do: 'echo' }).then(() => order.push('one')),
    ];
    await Promise.all([first, ...rest]);
    expect(order).toEqual(['two', 'one', 'late']);
  });

  it.each([
    ['first', 0],
    ['second', 1],
  ])(
    'stays open for the other program when the %s one is closed, which frees what it held in each worker',
    async (_name, index) => {
      const pool = poolOf(2);
      const programs = [await programOn(pool, 1), await programOn(pool, 2)];
      const [closed, left] = [programs[index]!, programs[1 - index]!];
      const running = closed.run({ do: 'sleep', ms: 100 });
      await settled(10);
      await Promise.all([closed.program.close(), closed.program.close()]);
      expect(await running).toBe(index + 1); // what runs ends
      expect([closed.closings(), left.closings()]).toEqual([2, 0]);
      expect([closed.program.isOpen, left.program.isOpen]).toEqual([false, true]);
      await expect(closed.run({ do: 'echo' })).rejects.toThrow(new TypeError('run: the program is closed.'));
      expect(await left.run({ do: 'echo' })).toBe(2 - index);
    },
  );

  it('ends only the waiting tasks of the program that is closed', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    const running = two.run({ do: 'sleep', ms: 100 });
    const outcomes = Promise.allSettled([one.run({ do: 'echo' }), two.run({ do: 'echo' }), running]);
    await one.program.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('takes an aborted task of one program out of the queue and leaves the others in it', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    const abort = new AbortController();
    const running = two.run({ do: 'sleep', ms: 100 });
    const given = one.run({ do: 'echo' }, { signal: abort.signal });
    const kept = two.run({ do: 'echo' });
    abort.abort(new Error('given up'));
    await expect(given).rejects.toThrow('given up');
    expect(await Promise.all([running, kept])).toEqual([2, 2]);
  });

  it('opens every program again in the worker that replaces a dead one', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    const crash = one.run({ do: 'die-once', flag: new SharedArrayBuffer(4) });
    const waiting = two.run({ do: 'echo' });
    expect(await Promise.all([crash, waiting])).toEqual([1, 2]);
    expect([one.attempts(), two.attempts()]).toEqual([2, 2]);
    await expect(one.run({ do: 'die' })).rejects.toThrow(InferenceError);
    expect(await two.run({ do: 'echo' })).toBe(2);
  });

  it('refuses the tasks of a program that cannot be opened again, serves the other one, and tries on', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    one.refuse(true);
    await expect(one.run({ do: 'die' })).rejects.toMatchObject({
      code: 'inference',
      message: expect.stringContaining('the model is gone'),
    });
    expect(await two.run({ do: 'echo' })).toBe(2);
    expect([one.program.isOpen, two.program.isOpen]).toEqual([false, true]);
    one.refuse(false);
    while (!one.program.isOpen) await settled(5);
    expect(await one.run({ do: 'echo' })).toBe(1);
  });

  it('stays open when a program cannot be opened on it, and opens another one later', async () => {
    const pool = poolOf(2);
    const one = await programOn(pool, 1);
    const missing = { program: new URL('./no-such-program.ts', module), data: 0, executionProvider: 'cpu' };
    await expect(openProgram(missing, pool)).rejects.toThrow(InferenceError);
    expect(await one.run({ do: 'echo' })).toBe(1);
    expect(await (await programOn(pool, 3)).run({ do: 'echo' })).toBe(3);
  });

  it('refuses calls of programs whose pool was closed beneath them, and their close does nothing more', async () => {
    const pool = poolOf(1);
    const [one, two] = [await programOn(pool, 1), await programOn(pool, 2)];
    const running = one.run({ do: 'sleep', ms: 100 });
    const waiting = two.run({ do: 'echo' });
    const outcomes = Promise.allSettled([running, waiting]);
    await settled(10);
    await pool.close();
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled', value: 1 },
      { reason: new TypeError('run: the worker pool was closed before this task ran.') },
    ]);
    await expect(one.run({ do: 'echo' })).rejects.toThrow(new TypeError('run: the worker pool is closed.'));
    expect([one.program.isOpen, two.program.isOpen]).toEqual([false, false]);
    await Promise.all([one.program.close(), two.program.close(), pool.close()]);
    await expect(programOn(pool, 3)).rejects.toThrow(new TypeError('open: the worker pool is closed.'));
  });

  it('rejects the opening of a program during which it is closed', async () => {
    const pool = poolOf(1);
    const one = await programOn(pool, 1);
    void one.run({ do: 'sleep', ms: 100 });
    const opening = programOn(pool, 2);
    const outcome = Promise.allSettled([opening]);
    await pool.close();
    expect(await outcome).toMatchObject([
      { reason: new TypeError('open: the worker pool was closed before the program was open.') },
    ]);
  });

  it('closes a program while it cannot be opened again', async () => {
    const pool = poolOf(1);
    const one = await programOn(pool, 1);
    one.refuse(true);
    await expect(one.run({ do: 'die' })).rejects.toThrow(InferenceError);
    await one.program.close();
    const before = one.attempts();
    await settled(500); // longer than the next attempt would wait
    expect(one.attempts()).toBe(before);
  });

  it.each([0, 1.5, 1025, Number.NaN])('refuses %s workers', (workers) => {
    expect(() => openWorkerPool({ workers })).toThrow(ConfigurationError);
  });
});
