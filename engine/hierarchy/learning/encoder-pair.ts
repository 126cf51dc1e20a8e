/** The two tables in training, and the rows that every query and document of the training data has. */
import { normalNumber } from '../../evaluation/random.ts';
import { documentKey } from '../towers/hierarchy.ts';
import { addMean, makeTower, type NamedText, rowCount, type Tower, type TowerForm } from '../towers/tower.ts';

/** A tower, and the rows of the texts that it is trained on. */
export interface TrainedTower extends Tower {
  /** Rows of each text, in the texts' order. */
  readonly bags: readonly Int32Array[];
}

/** Both towers. */
export interface EncoderPair {
  /** The queries'. */
  readonly queries: TrainedTower;
  /** The documents'. */
  readonly documents: TrainedTower;
}

/** Largest standard deviation of a table's first numbers: products begin near 0, and the softmax flat. */
const startDeviation = 0.1;

/** A tower with random numbers. @param random - Numbers in [0, 1). */
export function startTower(
  form: TowerForm,
  {
    texts,
    width,
    random,
  }: { readonly texts: readonly NamedText[]; readonly width: number; readonly random: () => number },
): TrainedTower {
  const rows = rowCount(form);
  const data = Float32Array.from({ length: rows * width }, () => startDeviation * normalNumber(random));
  return trainedTower(makeTower(form, { shape: [rows, width], data }), texts);
}

/** A tower with the rows of texts. */
export function trainedTower(tower: Tower, texts: readonly NamedText[]): TrainedTower {
  return { ...tower, bags: texts.map((text) => tower.rowsOf(documentKey(tower, text))) };
}

/** Vectors of some of a tower's texts, one after another, `[places, W]`. */
export function vectorsOf({ table, bags }: TrainedTower, places: ArrayLike<number>): Float32Array {
  const width = table.shape[1];
  const out = new Float32Array(places.length * width);
  for (let k = 0; k < places.length; k += 1) addMean(table, bags[places[k]!]!, out, k * width);
  return out;
}

/**
 * Gradient of a table from the gradients of vectors that are means of its rows.
 *
 * @param gradient - `[places, W]`.
 */
export function tableGradient(
  { table, bags }: TrainedTower,
  places: ArrayLike<number>,
  gradient: Float32Array,
): Float32Array {
  const width = table.shape[1];
  const out = new Float32Array(table.data.length);
  for (let k = 0; k < places.length; k += 1) {
    const bag = bags[places[k]!]!;
    for (const row of bag) {
      for (let c = 0; c < width; c += 1) out[row * width + c]! += gradient[k * width + c]! / bag.length;
    }
  }
  return out;
}
