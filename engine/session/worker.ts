/** The entry of every worker thread: opens the program it was given and answers one message after another. */
import { parentPort, workerData } from 'node:worker_threads';
import type { AnswerMessage, TaskMessage, WorkerProgram } from './pool.ts';

interface ProgramModule {
  open(data: unknown): Promise<WorkerProgram<unknown, unknown>>;
}

function toFailure(error: unknown): NonNullable<AnswerMessage['failure']> {
  if (!(error instanceof Error)) return { message: String(error), isCallerFault: false };
  const isCallerFault = error instanceof TypeError || error instanceof RangeError;
  return { message: error.message, ...(error.stack ? { stack: error.stack } : {}), isCallerFault };
}

async function serve(port: NonNullable<typeof parentPort>): Promise<void> {
  const answer = (message: AnswerMessage): void => port.postMessage(message);
  const { program: href, data } = workerData as { program: string; data: unknown };
  const module = (await import(href)) as ProgramModule;
  const program = await module.open(data);
  port.on('message', ({ taskId, request }: TaskMessage) => {
    program.run(request).then(
      (response) => answer({ taskId, response }),
      (error: unknown) => answer({ taskId, failure: toFailure(error) }),
    );
  });
  answer({ taskId: -1 });
}

if (parentPort) {
  const port = parentPort;
  serve(port).catch((error: unknown) => {
    port.postMessage({ taskId: -1, failure: toFailure(error) } satisfies AnswerMessage);
  });
}
