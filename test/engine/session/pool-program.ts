/** A worker program that misbehaves on demand. */
import type { WorkerProgram } from '../../../engine/session/pool.ts';

interface Task {
  readonly do: string;
  readonly ms?: number;
  readonly flag?: SharedArrayBuffer;
}

export async function open(data: unknown): Promise<WorkerProgram<Task, unknown>> {
  return {
    async run(task) {
      if (task.do === 'sleep') await new Promise((resolve) => setTimeout(resolve, task.ms));
      if (task.do === 'die') process.exit(3);
      if (task.do === 'die-once' && Atomics.add(new Int32Array(task.flag!), 0, 1) === 0) process.exit(3);
      if (task.do === 'throw') throw new Error('the device is gone');
      if (task.do === 'misuse') throw new TypeError('run: expected a task.');
      return data;
    },
    async close() {},
  };
}
