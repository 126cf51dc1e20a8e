/** The entry of every worker thread: opens programs, runs their tasks and closes them, one message after another. */
import { parentPort } from 'node:worker_threads';
import type { AnswerMessage, WorkerFailure, WorkerMessage, WorkerProgram } from './messages.ts';

type Program = WorkerProgram<unknown, unknown>;

function toFailure(error: unknown): WorkerFailure {
  if (!(error instanceof Error)) return { message: String(error), isCallerFault: false };
  const isCallerFault = error instanceof TypeError || error instanceof RangeError;
  return { message: error.message, ...(error.stack ? { stack: error.stack } : {}), isCallerFault };
}

async function answer(programs: Map<number, Program>, message: WorkerMessage): Promise<unknown> {
  const { programId } = message;
  switch (message.kind) {
    case 'open': {
      const module = (await import(message.module)) as { open(data: unknown): Promise<Program> };
      programs.set(programId, await module.open(message.data));
      return undefined;
    }
    case 'run':
      return programs.get(programId)!.run(message.request);
    case 'close':
      await programs.get(programId)!.close();
      programs.delete(programId);
      return undefined;
    default:
      throw new TypeError(`worker: unknown message ${JSON.stringify(message satisfies never)}.`);
  }
}

if (parentPort) {
  const port = parentPort;
  const programs = new Map<number, Program>();
  port.on('message', (message: WorkerMessage) => {
    answer(programs, message)
      .then(
        (response): AnswerMessage => ({ response }),
        (error: unknown): AnswerMessage => ({ failure: toFailure(error) }),
      )
      .then((said) => port.postMessage(said))
      // An answer that cannot be sent is told as a failure: the pool would wait for it.
      .catch((error: unknown) => port.postMessage({ failure: toFailure(error) } satisfies AnswerMessage));
  });
}
