/** A trainee without a model: words that query and document share, hashed, scored by a small network of two matrices. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../../engine/evaluation/random.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import { input, type Value } from '../../../engine/graph/value.ts';
import type { TrainedTensor, TrainedTensors, Trainee } from '../../../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../../../engine/training/trainer/training-list.ts';

const [words, inner] = [32, 4];

/** What a test changes of {@link tinyTrainee}. */
export interface TinyTrainee {
  /** Time that each list's feeds take, in milliseconds: so that a test can end the process in between. */
  readonly feedMs?: number;
  /** Numbers of a list whose products with each other the graph holds at once, and does nothing with. */
  readonly ballast?: (list: TrainingList) => number;
  /** Decides the starting numbers. */
  readonly seed?: number;
  readonly fusionWeight?: number;
}

/** Opens it; `save` writes `tensors.json`. */
export function tinyTrainee(options: TinyTrainee = {}): Trainee & { readonly tensors: TrainedTensors } {
  const { feedMs = 0, ballast, seed = 1, fusionWeight } = options;
  const random = seededRandom(seed);
  const tensor = (...shape: number[]): TrainedTensor => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => random() - 0.5),
  });
  const parameters = {
    inner: input('inner', 'float32', [words, inner]),
    bias: input('bias', 'float32', [inner]),
    outer: input('outer', 'float32', [inner, 1]),
  };
  const features = input('features', 'float32', ['documents', words]);
  const hidden = g.gelu(g.add(g.matmul(features, parameters.inner), parameters.bias));
  const scored = g.reshape(g.matmul(hidden, parameters.outer), ['documents'], [-1]);
  return {
    tensors: new Map([
      ['inner', tensor(words, inner)],
      ['bias', tensor(inner)],
      ['outer', tensor(inner, 1)],
    ]),
    parameters,
    logits: ballast ? g.add(scored, nothing()) : scored,
    ...(fusionWeight !== undefined && { fusionWeight: () => fusionWeight }),
    async feeds(list) {
      if (feedMs > 0) await sleep(feedMs);
      return {
        features: { type: 'float32', shape: [list.documents.length, words], data: featuresOf(list) },
        ...(ballast && { ballast: zeros(ballast(list)) }),
      };
    },
    tokens: ({ features }) => (features!.data as Float32Array).reduce((sum, count) => sum + count, 0),
    async save(folder, tensors) {
      await mkdir(folder);
      const numbers = [...tensors].map(([name, { data }]) => [name, Array.from(data)]);
      await writeFile(join(folder, 'tensors.json'), JSON.stringify(Object.fromEntries(numbers)));
    },
    close: async () => {},
  };
}

const zeros = (count: number): TensorValue => ({
  type: 'float32',
  shape: [count],
  data: new Float32Array(count),
});

/** Zero, as the sum over a square of as many rows as there is ballast. */
function nothing(): Value {
  const ballast = input('ballast', 'float32', ['ballast']);
  const square = g.multiply(g.unsqueeze(ballast, 0), g.unsqueeze(ballast, 1));
  return g.sumOver(square, [0, 1], { keeps: false });
}

function featuresOf({ query, documents }: TrainingList): Float32Array {
  const asked = new Set(query.split(' '));
  const data = new Float32Array(documents.length * words);
  documents.forEach(({ text }, i) => {
    for (const word of text.split(' ')) {
      const place = [...word].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % (words / 2), 7);
      data[i * words + place + (asked.has(word) ? words / 2 : 0)]! += 1;
    }
  });
  return data;
}

const vocabulary = 'ash birch cedar date elm fir gum holly iris jute kelp lime moss nut oak pine'.split(' ');

/** Lists in which a document is as good as it has words of the query; everything follows from the seed. */
export function tinyLists(count: number, seed = 1, set = 'trees'): TrainingList[] {
  const random = seededRandom(seed);
  const word = (): string => vocabulary[Math.floor(random() * vocabulary.length)]!;
  return Array.from({ length: count }, (_, i) => {
    const query = [word(), word()];
    const documents = Array.from({ length: 5 + (i % 3) }, (_, n) => {
      const text = [word(), word(), word(), ...(n < 2 ? query.slice(n) : [])];
      const gain = query.filter((each) => text.includes(each)).length;
      return { docId: `d${n}`, text: text.join(' '), gain, firstStageScore: random() };
    });
    return { set, queryId: `q${i}`, query: query.join(' '), documents };
  });
}
