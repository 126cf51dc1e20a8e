/**
 * One side of a dual encoder: a table, and which of its rows a text has. The text's vector is the mean of those rows.
 *
 * Axes: `R` rows of a table, `W` width.
 */
import type { Embeddings } from '../../contract.ts';
import { textRows } from './text-rows.ts';

/** A thing with a name: a category, or a query of a log. */
export interface NamedText {
  /** Its id. */
  readonly id: string;
  /** Its words. */
  readonly text: string;
}

/** Which rows a text has. */
export type TowerForm =
  | {
      /** One row a known thing, found by its id or, where no other thing has the same, its text; other texts have none. */
      readonly kind: 'lookup';
      /** The things, a row each. */
      readonly keys: readonly NamedText[];
    }
  | {
      /** Rows of hashed words and character n-grams, so that a text that was never seen has some too. */
      readonly kind: 'text';
      /** Rows of the table, from 1. */
      readonly buckets: number;
    };

/** A table of a tower. */
export interface TowerTable {
  /** `[R, W]`. */
  readonly shape: readonly [number, number];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A tower. */
export interface Tower {
  /** Which rows a text has. */
  readonly form: TowerForm;
  /** The rows. */
  readonly table: TowerTable;
  /** Rows of a text, or of an id; empty where the tower knows none. */
  rowsOf(text: string): Int32Array;
}

/** Rows that a tower of this form has. */
export function rowCount(form: TowerForm): number {
  return form.kind === 'lookup' ? form.keys.length : form.buckets;
}

/** A tower of a form over a table. */
export function makeTower(form: TowerForm, table: TowerTable): Tower {
  if (form.kind === 'text') return { form, table, rowsOf: (text) => textRows(text, form.buckets) };
  const places = placesOf(form.keys);
  const none = new Int32Array();
  return {
    form,
    table,
    rowsOf(text) {
      const place = places.get(text) ?? places.get(text.trim().toLowerCase());
      return place === undefined ? none : Int32Array.of(place);
    },
  };
}

/** Rows by id, and by text in small letters where that names one thing alone; an id goes before a text. */
function placesOf(keys: readonly NamedText[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const texts = keys.map(({ text }) => text.trim().toLowerCase());
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const own = texts.flatMap((text, i) => (counts.get(text) === 1 ? [[text, i] as const] : []));
  return new Map([...own, ...keys.map(({ id }, i) => [id, i] as const)]);
}

/**
 * Adds the mean of a tower's rows to a vector.
 *
 * @param rows - Empty for none: the vector stays.
 * @param at - First value of the vector in `out`.
 */
export function addMean(
  { shape: [, W], data }: TowerTable,
  rows: Int32Array,
  out: Float32Array,
  at: number,
): void {
  const share = 1 / rows.length;
  for (const row of rows) {
    for (let c = 0; c < W; c += 1) out[at + c]! += share * data[row * W + c]!;
  }
}

/** One vector a text, not normalised: lengths count. A text that the tower does not know has a row of zeros. */
export function towerVectors({ table, rowsOf }: Tower, texts: readonly string[]): Embeddings {
  const width = table.shape[1];
  const rows = new Float32Array(texts.length * width);
  for (const [i, text] of texts.entries()) addMean(table, rowsOf(text), rows, i * width);
  return { width, rows };
}
