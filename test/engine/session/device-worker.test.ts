import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../engine/index.ts';
import { askDevice, chooseProvider, hasHalfPrecision } from '../../../engine/session/device.ts';
import { openProgram } from '../../../engine/session/open-program.ts';
import { openWorkerPool, type PooledProgram } from '../../../engine/session/pool.ts';
import { builtUrl } from '../../support/programs/built.ts';

type Task = { readonly do: 'sleep' | 'echo' | 'die'; readonly ms?: number };

/** A program that computes nothing, opened as one of a provider: no device is needed for where it runs. */
function openOn(executionProvider: string, on: Parameters<typeof openProgram>[1], answer = 1) {
  const program = builtUrl('test/support/programs/pool-program.ts');
  return openProgram<Task, number>({ program, data: { answer }, executionProvider }, on);
}

async function threadsStartedBy(work: () => Promise<unknown>): Promise<number> {
  let threads = 0;
  const count = (): void => {
    threads += 1;
  };
  process.on('worker', count);
  await work();
  process.off('worker', count);
  return threads;
}

describe('a device', () => {
  it.each(['webgpu', 'cuda'])(
    '%s has one worker, whoever opens programs on it and however many workers they ask for',
    async (provider) => {
      const pool = openWorkerPool({ workers: 2 });
      const programs: PooledProgram<Task, number>[] = [];
      const threads = await threadsStartedBy(async () => {
        programs.push(
          ...(await Promise.all([
            openOn(provider, 3, 10),
            openOn(provider, pool, 20),
            openOn(provider, 1, 30),
          ])),
        );
      });
      expect(threads).toBe(1);
      expect(programs.map(({ size }) => size)).toEqual([1, 1, 1]);
      expect(await Promise.all(programs.map(({ run }) => run({ do: 'echo' })))).toEqual([10, 20, 30]);
      await Promise.all(programs.map((program) => program.close()));
      await pool.close();
    },
  );

  it('does one task at a time, of all its programs', async () => {
    const [one, other] = await Promise.all([openOn('webgpu', 2), openOn('webgpu', 2)]);
    const start = performance.now();
    await Promise.all([one, other, one].map((program) => program.run({ do: 'sleep', ms: 60 })));
    expect(performance.now() - start).toBeGreaterThanOrEqual(3 * 60 - 5); // timers are early by a millisecond
    await Promise.all([one.close(), other.close()]);
  });

  it('keeps its worker from one reranker to the next', async () => {
    await (await openOn('webgpu', 1)).close();
    const threads = await threadsStartedBy(async () => (await openOn('webgpu', 1)).close());
    expect(threads).toBe(0);
  });

  it('takes nothing from what runs on the processor, which has the workers that it asks for', async () => {
    const program = await openOn('cpu', 2);
    expect(program.size).toBe(2);
    await program.close();
  });
});

describe('askDevice', () => {
  it('times products on the processor', async () => {
    const answer = await askDevice('cpu', { kind: 'speed', type: 'float32' });
    expect(answer).toMatchObject({ isAble: true });
    const { gigaflops } = answer as { readonly gigaflops: number };
    // Slower than any machine of today is by hand, faster than none is.
    expect(gigaflops).toBeGreaterThan(0.1);
    expect(gigaflops).toBeLessThan(1e5);
    expect(await hasHalfPrecision('cpu')).toBe(true);
  });

  it('says why a device that is asked for by name does not open, and goes on to the next for `auto`', async () => {
    if ((await askDevice('cuda', { kind: 'opens' })).isAble) return console.log('Skipped: CUDA opens here.');
    const asked = chooseProvider('cuda');
    await expect(asked).rejects.toThrow(InferenceError);
    await expect(asked).rejects.toMatchObject({ executionProvider: 'cuda' });
    expect(['webgpu', 'cpu']).toContain(await chooseProvider('auto'));
  });
});
