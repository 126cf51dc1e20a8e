/** Residuals, low-rank adapters and full fine-tuning on a domain that the model was not made for. */
import { residualKinds } from '../engine/network/residuals.ts';
import { encoderLayersTrainee } from '../engine/training/trainees/encoder-layers.ts';
import { residualTrainee } from '../engine/training/trainees/residual/residual-trainee.ts';
import type { Trainee } from '../engine/training/trainer/trainee.ts';
import { atLeast, atMost, type Bench, type BenchResult, rounded } from './support/bench.ts';
import { learn, type Worth, worthOf } from './support/list-learner.ts';
import { lowRankAdapters } from './support/low-rank-adapters.ts';
import { type ShiftedDomain, shiftedCommands, shiftedWords } from './support/shifted-domains.ts';

const seeds = [0, 1, 2];
const methods = ['full', 'lora', ...residualKinds] as const;
type Method = (typeof methods)[number];
/** The kind that is promised something. */
const promised: Method = 'rw+lr';

interface Learnt {
  readonly numbers: number;
  readonly worths: readonly Worth[];
}

export const residualTraining: Bench = {
  about: 'Residuals beside low-rank adapters and full fine-tuning on a shifted domain, 3 seeds each.',
  isByNameOnly: true,
  takes: ['parts'],
  parts: ['words', 'commands'],
  async run(note, { parts = ['words'] }) {
    const results: BenchResult[] = [];
    for (const part of parts) {
      const domain = part === 'words' ? await shiftedWords() : shiftedCommands();
      if (!domain) {
        note('train-nl2bash does not lie in ../shared/data: nothing is measured');
        continue;
      }
      try {
        results.push(await compare(part, domain, note));
      } finally {
        await domain.close();
      }
    }
    return {
      figures: Object.assign({}, ...results.map(({ figures }) => figures)),
      checks: results.flatMap(({ checks }) => checks),
    };
  },
};

async function compare(
  part: string,
  domain: ShiftedDomain,
  note: (text: string) => void,
): Promise<BenchResult> {
  const { test, steps, listsAStep, rank } = domain;
  const start = (await run('full', 0, { ...domain, steps: 0 })).worth;
  note(`${part}: start ${JSON.stringify(start)}`);
  const learnt = new Map<Method, Learnt>();
  for (const seed of seeds) {
    for (const method of methods) {
      const { worth, numbers } = await run(method, seed, domain);
      note(`${part}: ${method}, seed ${seed}: ${JSON.stringify({ numbers, ...worth })}`);
      learnt.set(method, { numbers, worths: [...(learnt.get(method)?.worths ?? []), worth] });
    }
  }
  const rows = Object.fromEntries(
    [...learnt].map(([method, row]) => [method, toRow(row, learnt.get('full')!, start)]),
  );
  return {
    figures: { [part]: { steps, listsAStep, rank, testLists: test.length, start, ...rows } },
    checks: [
      atLeast(
        `${part}: ${promised}, gain in reciprocal rank / that of full`,
        rows[promised]!.rankGainOfFull,
        0.5,
      ),
      atMost(`${part}: ${promised}, numbers / those of full`, rows[promised]!.shareOfFull, 0.05),
    ],
  };
}

async function run(
  method: Method,
  seed: number,
  domain: ShiftedDomain,
): Promise<{ worth: Worth; numbers: number }> {
  const { steps, listsAStep: lists, rates, test } = domain;
  const trainee = await open(method, seed, domain);
  try {
    const rate = method === 'full' || method === 'lora' || method === 'rw' ? rates[method] : rates.lowRank;
    if (steps > 0) await learn(trainee, domain.train(seed), { steps, lists, rate, threads: 1 });
    const numbers = [...trainee.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    return { worth: await worthOf(trainee, test, 1), numbers };
  } finally {
    await trainee.close();
  }
}

function open(method: Method, seed: number, { model, rank }: ShiftedDomain): Promise<Trainee> {
  if (method === 'full') return encoderLayersTrainee({ ...model, followsFullDepth: false });
  if (method === 'lora') return lowRankAdapters(model, { rank, seed });
  return residualTrainee({ ...model, kind: method, rank });
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

function toRow(
  { numbers, worths }: Learnt,
  full: Learnt,
  start: Worth,
): { readonly shareOfFull: number; readonly rankGainOfFull: number } {
  const of = (key: keyof Worth, all: readonly Worth[]): number => mean(all.map((worth) => worth[key]));
  const gain = (key: keyof Worth, all: readonly Worth[]): number => of(key, all) - start[key];
  const row = {
    numbers,
    shareOfFull: rounded(numbers / full.numbers, 4),
    loss: rounded(of('loss', worths)),
    reciprocalRank: rounded(of('reciprocalRank', worths)),
    reciprocalRanks: worths.map(({ reciprocalRank }) => rounded(reciprocalRank)),
    rankGainOfFull: rounded(gain('reciprocalRank', worths) / gain('reciprocalRank', full.worths)),
  };
  return row;
}
