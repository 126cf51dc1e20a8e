import { expect, it } from 'vitest';
import { add, multiply } from '../../../engine/graph/operations/index.ts';
import { input, scalar } from '../../../engine/graph/value.ts';
import { openGraph } from '../../../engine/session/open-graph.ts';
import { sharedCopy, sharedFloats } from '../../../engine/session/shared-floats.ts';

it('reads and writes memory that threads share, and sends back what is left', async () => {
  const x = input('x', 'float32', ['N']);
  const graph = await openGraph({ doubled: multiply(x, scalar(2)), more: add(x, scalar(1)) });
  try {
    const [fed, doubled] = [sharedCopy(Float32Array.of(1, 2, 3)), sharedFloats(3)];
    const task = {
      feeds: { x: { type: 'float32', shape: [3], data: fed } },
      outputs: ['doubled', 'more'],
      into: { doubled: { type: 'float32', shape: [3], data: doubled } },
    } as const;
    const answer = await graph.run(task);
    expect([...doubled]).toEqual([2, 4, 6]);
    expect(Object.keys(answer)).toEqual(['more']);
    expect([...(answer['more']!.data as Float32Array)]).toEqual([2, 3, 4]);
    // The thread reads the memory anew in every run.
    fed.fill(5);
    await graph.run(task);
    expect([...doubled]).toEqual([10, 10, 10]);
  } finally {
    await graph.close();
  }
});

it('reads and writes another length than before', async () => {
  const graph = await openGraph({ doubled: multiply(input('x', 'float32', ['N']), scalar(2)) });
  try {
    for (const length of [3, 5, 2]) {
      const doubled = sharedFloats(length);
      const data = sharedCopy(new Float32Array(length).fill(length));
      await graph.run({
        feeds: { x: { type: 'float32', shape: [length], data } },
        outputs: ['doubled'],
        into: { doubled: { type: 'float32', shape: [length], data: doubled } },
      });
      expect([...doubled]).toEqual(Array(length).fill(2 * length));
    }
  } finally {
    await graph.close();
  }
});
