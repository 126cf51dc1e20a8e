import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { InferenceError } from '../../../engine/index.ts';
import { openPool, type WorkerPool } from '../../../engine/session/pool.ts';

type Task = {
  readonly do: 'echo' | 'sleep' | 'die' | 'die-once' | 'throw' | 'misuse';
  readonly ms?: number;
  readonly flag?: SharedArrayBuffer;
};

let pool: WorkerPool<Task, number> | undefined;
afterEach(() => pool?.close());

async function open(workers: number): Promise<WorkerPool<Task, number>> {
  const program = new URL('./pool-program.ts', import.meta.url);
  pool = await openPool<Task, number>({ program, data: 40, workers, executionProvider: 'cpu' });
  return pool;
}
const settled = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('openPool', () => {
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
    const running = run({ do: 'sleep', ms: 60 }, { signal: abort.signal });
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
    await expect(openPool({ program, data: 0, workers: 1, executionProvider: 'cpu' })).rejects.toThrow(
      InferenceError,
    );
  });
});

/** `run` without its object, for short lines. */
function bound(opened: WorkerPool<Task, number>): { run: WorkerPool<Task, number>['run'] } {
  return { run: (task, options) => opened.run(task, options) };
}
