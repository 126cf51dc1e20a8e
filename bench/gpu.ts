/** A graphics card: each part apart, in a process and a time of its own. */

import type { ExecutionProvider } from '../engine/session/runtime.ts';
import { readCard } from './gpu/card.ts';
import { checksOf } from './gpu/checks.ts';
import { type CopySpeed, figureAt, numberAt } from './gpu/part.ts';
import { runStep, type StepLine } from './gpu/run-step.ts';
import { halfStep, inFloat32, partNames, stepsOf } from './gpu/steps.ts';
import type { Bench } from './support/bench.ts';

export const gpu: Bench = {
  about:
    'A graphics card: its ceilings, the shipped encoder, PyTorch, and the shape of Mistral-7B as blocks and as one text.',
  takes: ['device', 'shape', 'parts'],
  parts: partNames,
  isByNameOnly: true,
  async run(note, { tell, ...asked }) {
    const card = readCard();
    const lines: StepLine[] = [];
    let copies: CopySpeed | null = null;
    const lacksHalf = memoised(isWithoutHalf);
    for (const wanted of stepsOf(asked)) {
      const isHalf = wanted.isDecoder || wanted.kind === 'ceiling';
      const step = isHalf && (await lacksHalf(wanted.options.device)) ? inFloat32(wanted) : wanted;
      note(`${step.part} ${step.variant}`.trim());
      const line = await runStep(step, { card, copies });
      tell({ bench: 'gpu', ...line });
      lines.push(line);
      if (step.part === 'ceiling') copies = copiesOf(line);
    }
    return { figures: { parts: lines.map(shortened) }, checks: checksOf(lines) };
  },
};

/** Only WebGPU is asked: every card that CUDA 12 knows has half precision. */
async function isWithoutHalf(device: ExecutionProvider): Promise<boolean> {
  if (device !== 'webgpu') return false;
  const { figures } = await runStep(halfStep(device), { card: null, copies: null });
  return figureAt(figures, 'isThere') === false;
}

/** The answer to each question, asked once. */
function memoised<Question, Answer>(ask: (question: Question) => Promise<Answer>) {
  const answers = new Map<Question, Promise<Answer>>();
  return (question: Question): Promise<Answer> => {
    const answer = answers.get(question) ?? ask(question);
    answers.set(question, answer);
    return answer;
  };
}

function copiesOf({ figures }: StepLine): CopySpeed | null {
  const [upGBPerSecond, downGBPerSecond] = ['upGBPerSecond', 'downGBPerSecond'].map((name) =>
    numberAt(figures, 'copies', name),
  );
  return upGBPerSecond && downGBPerSecond ? { upGBPerSecond, downGBPerSecond } : null;
}

/** Without what is the same in all lines and stands in the bench's own. */
function shortened({ date: _date, machine: _machine, versions: _versions, ...line }: StepLine): object {
  return line;
}
