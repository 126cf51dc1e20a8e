/** A worker program that misbehaves on demand. */
import type { WorkerProgram } from '../../../engine/session/messages.ts';

interface Task {
  readonly do: string;
  readonly ms?: number;
  readonly flag?: SharedArrayBuffer;
}

/** The data that the pool passes to the program. */
interface Data {
  readonly answer: number;
  /** While the first number is 1 the program cannot be opened; the second number counts the attempts. */
  readonly refusal?: SharedArrayBuffer;
  /** Counts how often the program was closed. */
  readonly closings?: SharedArrayBuffer;
}

export async function open({ answer, refusal, closings }: Data): Promise<WorkerProgram<Task, unknown>> {
  const [refused, tried] = [0, 1];
  if (refusal) Atomics.add(new Int32Array(refusal), tried, 1);
  if (refusal && Atomics.load(new Int32Array(refusal), refused) === 1) throw new Error('the model is gone');
  return {
    async run(task) {
      if (task.do === 'sleep') await new Promise((resolve) => setTimeout(resolve, task.ms));
      if (task.do === 'die') process.exit(3);
      if (task.do === 'die-once' && Atomics.add(new Int32Array(task.flag!), 0, 1) === 0) process.exit(3);
      if (task.do === 'unsendable') return () => answer;
      if (task.do === 'throw') throw new Error('the device is gone');
      if (task.do === 'misuse') throw new TypeError('run: expected a task.');
      return answer;
    },
    async close() {
      if (closings) Atomics.add(new Int32Array(closings), 0, 1);
    },
  };
}
