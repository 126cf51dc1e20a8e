/** A training step of the shipped encoder beside the matrix products that it contains. */
import { toOnnx } from '../engine/graph/onnx.ts';
import type { Value } from '../engine/graph/value.ts';
import { openSession } from '../engine/session/runtime.ts';
import { createLosses } from '../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../engine/training/losses/losses-recipe.ts';
import { encoderLayersTrainee } from '../engine/training/trainees/encoder-layers.ts';
import { axisLengths, feedsOf, graphInputs } from '../engine/training/trainer/graph-inputs.ts';
import { copyTensors, toTensorFeeds } from '../engine/training/trainer/tensors.ts';
import type { Trainee } from '../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../engine/training/trainer/training-list.ts';
import { gradientOf, trainingGraph } from '../engine/training/training-graph.ts';
import { atLeast, type Bench, rounded } from './support/bench.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { openStepProducts } from './support/step-products.ts';
import { documentsOf, question } from './support/texts.ts';

const rounds = 15;
const documents = 8;
const tokens = 96;
/** As each of a training's workers has by default. */
const threads = 1;
const losses = createLosses(lossesSchema.parse({ infoNce: {} }));

/** Forward pass, loss and gradients of all layers. @param isKept - Whether layers are computed a second time on the way back. */
function stepGraph({ parameters, logits, kept = [] }: Trainee, isKept: boolean): Record<string, Value> {
  const { loss } = losses.values(logits);
  return trainingGraph({ loss, parameters, kept: isKept ? kept : [] });
}

export const train: Bench = {
  about: `Loss and gradients of every layer of the shipped encoder for a list of ${documents} documents of ${tokens} tokens, beside its matrix products run back to back.`,
  async run(note) {
    const list = listOf(documents);
    const trainee = await encoderLayersTrainee({});
    const figures: Record<string, unknown> = { documents, tokensEach: tokens, threads };
    const ratios: Record<string, number> = {};
    try {
      for (const [form, isKept] of [
        ['whole', false],
        ['layerByLayer', true],
      ] as const) {
        note(`${form}: ${rounds} rounds`);
        const { step, products, count, multiplications } = await timed(
          stepGraph(trainee, isKept),
          trainee,
          list,
        );
        ratios[form] = medianRatio(products, step);
        figures[form] = {
          stepMs: rounded(median(step)),
          productsMs: rounded(median(products)),
          products: count,
          gigaMultiplications: rounded(multiplications / 1e9),
        };
      }
    } finally {
      await trainee.close();
    }
    return {
      figures,
      checks: [
        atLeast('products / step, everything kept in memory', ratios['whole']!, 0.8),
        atLeast('products / step, layers computed a second time', ratios['layerByLayer']!, 0.8),
      ],
    };
  },
};

async function timed(
  graph: Record<string, Value>,
  trainee: Trainee,
  list: TrainingList,
): Promise<{ step: number[]; products: number[]; count: number; multiplications: number }> {
  const inputs = graphInputs(Object.values(graph));
  const feeds = feedsOf(inputs, {
    ...(await trainee.feeds(list)),
    ...losses.toFeeds(list),
    // The runtime reads no shared memory.
    ...toTensorFeeds(copyTensors(trainee.tensors)),
  });
  // As in training: gradients lie in memory that is used again and again.
  const into = Object.fromEntries(
    [...trainee.tensors].map(([name, { shape, data }]) => [
      gradientOf(name),
      { type: 'float32', shape, data: new Float32Array(data.length) } as const,
    ]),
  );
  const folder = trainee.folder ?? '.';
  const session = await openSession(toOnnx(graph), { folder, threads, prepack: true });
  const products = await openStepProducts(graph, axisLengths(inputs, feeds), threads);
  try {
    const times = await alternate(rounds, {
      step: () => session.run(feeds, Object.keys(graph), into),
      products: () => products.run(),
    });
    return { ...times, count: products.count, multiplications: products.multiplications };
  } finally {
    await session.release();
    await products.release();
  }
}

function listOf(count: number): TrainingList {
  return {
    set: 'bench',
    queryId: 'q',
    query: question(0),
    documents: documentsOf(count, tokens).map((text, i) => ({ docId: `d${i}`, text, gain: i === 0 ? 1 : 0 })),
  };
}
