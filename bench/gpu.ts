/** A graphics card: each part apart, in a process and a time of its own. */

import { readCard } from './gpu/card.ts';
import { checksOf } from './gpu/checks.ts';
import { type CopySpeed, numberAt } from './gpu/part.ts';
import { runStep, type StepLine } from './gpu/run-step.ts';
import { partNames, stepsOf } from './gpu/steps.ts';
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
    for (const step of stepsOf(asked)) {
      note(`${step.part} ${step.variant}`.trim());
      const line = await runStep(step, { card, copies });
      tell({ bench: 'gpu', ...line });
      lines.push(line);
      if (step.part === 'ceiling') copies = copiesOf(line);
    }
    return { figures: { parts: lines.map(shortened) }, checks: checksOf(lines) };
  },
};

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
